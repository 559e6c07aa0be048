"""Activities: thin translators between workflows and ports."""
