"""Networks in the browser: a static page that turns a photo into a model without a server."""
