"""One contract for all venue adapters: numbered cases, the same for each."""
