"""What a night without hands needs: Dagster's real processes at another time, and a feed with a planted fault."""
