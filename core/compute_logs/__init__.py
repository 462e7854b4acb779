"""The parts that compute log managers are made of."""
