"""The ring as one node sees it: links, stalls, what they mean, and which token timeout fits them."""
