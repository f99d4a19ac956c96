"""The group chat protocol: manager, participants' containers, and the messages between them."""
