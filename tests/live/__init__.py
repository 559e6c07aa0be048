"""What the tests against test networks need, checked without one."""
