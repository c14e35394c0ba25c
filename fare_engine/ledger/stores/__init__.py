"""What operators publish, stored and read back: SQLAlchemy Core, any database."""
