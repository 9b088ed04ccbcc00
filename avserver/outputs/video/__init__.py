"""Moving pictures with their sound: encoding, films of a show, recordings and streams."""
