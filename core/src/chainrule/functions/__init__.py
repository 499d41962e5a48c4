"""What is computed: layers, losses, their derivatives, and the networks that they make."""
