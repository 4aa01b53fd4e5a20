"""Benchmarks: what hashell needs beside what the original needs, in the same run on the same machine."""
