"""The paper Hyperliquid server: /info, /exchange and /ws on one port, as reference/hyperliquid.md describes them."""
