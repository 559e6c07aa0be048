"""What goes over the wire: requests that refuse unknown fields, and answers."""
