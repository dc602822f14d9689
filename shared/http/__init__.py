"""What every service that answers requests by Litestar has around its routes."""
