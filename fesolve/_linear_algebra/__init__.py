"""Dense and banded linear algebra, on the host and in compiled programs."""
