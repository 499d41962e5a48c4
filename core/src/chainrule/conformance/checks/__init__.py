"""The checks, a module for each family or a part of it. A new one in this folder joins the catalogue by being there."""
