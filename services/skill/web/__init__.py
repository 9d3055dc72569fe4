"""What all routes share: visitors' cookies, forms, errors, templates."""
