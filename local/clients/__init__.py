"""The stock npm clients (socket.io-client, the Firebase JS SDK), hosted in Node and driven from Python."""

from local.clients.firebase import FirebaseClients, SignedIn
from local.clients.process import ClientError, Event, NodeProcess
from local.clients.sockets import SocketClients

__all__ = ["ClientError", "Event", "FirebaseClients", "NodeProcess", "SignedIn", "SocketClients"]
