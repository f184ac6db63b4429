"""The smallest change that makes a failing model pass, keeping its values at the base width."""
