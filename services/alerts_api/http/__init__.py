"""What every request and answer has in common: bodies, fields, problems, measures, the OpenAPI document."""
