"""The demo: real changes of a real MongoDB in a real Kafka, with a kill in the middle, and a proof at the end."""
