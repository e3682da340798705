"""The Socket.IO container: authentication, rooms, presence, relay. It holds no rule: it calls the konnect services."""
