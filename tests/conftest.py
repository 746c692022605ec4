from tests.azurite import azurite, azurite_connection

__all__ = ["azurite", "azurite_connection"]
