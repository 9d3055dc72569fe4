"""The MQTT broker: its configuration, its accounts, and the keeper that reconciles them."""
