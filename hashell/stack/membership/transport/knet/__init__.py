"""Transport knet: several links to each node, encryption, compression, discovery of the path MTU."""
