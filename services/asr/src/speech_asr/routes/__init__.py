"""The endpoints: our own small one, and OpenAI's audio API."""
