"""The words of the contract: pydantic models, times, problems, paging."""
