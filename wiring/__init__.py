"""What the composition roots put together: adapters of the activities' ports, pools and start-up of a worker."""
