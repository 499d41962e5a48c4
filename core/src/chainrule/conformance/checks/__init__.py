"""The checks, a module for each family. A new module in this folder joins the catalogue by being there."""
