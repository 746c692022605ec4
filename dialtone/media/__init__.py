"""Audio of a call in progress: the wire of its stream, and the ticket that opens it. Pure: no network, no clock."""
