"""Printers that do not exist, and say exactly what OctoPrint with OctoPrint-MQTT would say.

Read in this order: payloads and printer_data (the words), heater and machine (what one
host does), scenario (the stories that can be asked for), player (their way to the broker),
replay (recordings).
"""
