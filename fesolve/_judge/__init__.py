"""How wrong f is: the error of a solution, estimated without knowing the answer."""
