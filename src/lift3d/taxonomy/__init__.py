"""Names of object categories: the fixed list with its synonyms (`categories`), the lookup of what a user typed
(`lookup`), and the phrases that describe a category in words (`captions`)."""
