"""What the contract suite needs of a venue: its paper server as a process, funded users, and the adapter under test."""
