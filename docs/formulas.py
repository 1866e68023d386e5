"""Formulas of docstrings, which are plain text in the code, as TeX on the site.

A formula is what a small grammar accepts: letters, Greek names, functions, numbers, brackets,
subscripts, superscripts and primes, beside one another or joined by operators. All other words are
prose. `rho V(a) = max_c u(c)` is one; *the value V of a cake* has one of a letter.
"""

import re


GREEK = re.findall(
    r"\w+",
    "alpha beta gamma delta epsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho "
    "sigma tau phi chi psi omega Gamma Delta Theta Lambda Sigma Phi Psi Omega Pi",
)
FUNCTIONS = ["exp", "log", "sin", "cos", "max", "min", "lim", "sqrt", "int", "sum"]
UPRIGHT = ["net", "mean", "Hess", "Var", "Cov", "tr", "argmax", "argmin", "sign"]
ARTICLES = {"a", "A", "I"}
AFTER_LETTERS = {"and", "at", "in", "is", "of", "on", "or", "to", "with"}
LETTER_NAMES = re.findall(
    r"\w+",
    "alpha beta gamma delta zeta eta theta kappa lambda mu nu xi pi rho sigma tau chi psi omega "
    "Delta Sigma Pi Omega",
)
LETTERS = {"ε": r"\varepsilon ", "φ": r"\varphi "} | {
    letter: f"\\{name} "
    for letter, name in zip("αβγδζηθκλμνξπρστχψωΔΣΠΩ", LETTER_NAMES, strict=True)
}
OPERATORS = {
    "<=": r" \le ",
    ">=": r" \ge ",
    "->": r" \to ",
    "=": " = ",
    "<": " < ",
    ">": " > ",
    "+": " + ",
    "-": " - ",
    "/": " / ",
    "~": r" \sim ",
    "∘": r" \circ ",
    " . ": r" \cdot ",
}
Names = frozenset[str]
SPACE = r"\, "
CLOSES = {"(": ")", "[": "]", "{": "}", "|": "|"}
TEX = {"{": r"\{", "}": r"\}"}
CODE = re.compile(r"(`[^`]*`|\$\$[^$]*\$\$|\$[^$]*\$|\[[^\]]*\]\([^)]*\))")


def typeset(text: str, names: Names = frozenset()) -> str:
    """A docstring in Markdown, its formulas between dollars; code and links stay as they are. Words
    that are `names`, such as those of parameters, may stand in formulas."""
    blocks = []
    for block in text.split("\n\n"):
        if re.match(r"    \S", block):  # an indented line is a formula of its own, or code
            tex = formula(" ".join(block.split()).rstrip(","), names)
            blocks.append(block if tex is None else f"$$\n{tex}\n$$")
        else:
            parts = CODE.split(block)
            parts[::2] = [_inline(part, names) for part in parts[::2]]
            blocks.append("".join(parts))
    return "\n\n".join(blocks)


def page(markdown: str, names: Names = frozenset()) -> str:
    """A page of prose, its formulas between dollars; code and headings stay as they are."""
    parts = re.split(r"(^```.*?^```$|^#[^\n]*$)", markdown, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [typeset(part, names) for part in parts[::2]]
    return "".join(parts)


def headline(text: str, names: Names = frozenset()) -> tuple[str | None, str]:
    """The first line of a docstring of a problem, `equation: what it is`, as TeX and words."""
    equation, colon, words = text.partition(": ")
    tex = formula(equation, names) if colon else None
    return (None, typeset(text, names)) if tex is None else (tex, typeset(words, names))


def formula(text: str, names: Names = frozenset()) -> str | None:
    """A text that is a formula from end to end as TeX; formulas may be parted by commas."""
    found, position = [], 0
    while True:
        reader = _Reader(text, position, names)
        tex = reader.expression(outside=True)
        if tex is None:
            return None
        found.append(tex.strip())
        position = reader.position
        if position == len(text):
            return r", \quad ".join(found)
        if not text.startswith(", ", position):
            return None
        position += 2


def _inline(text: str, names: Names) -> str:
    out, position = [], 0
    while position < len(text):
        before = text[position - 1] if position else " "
        if not re.match(r"[\w'^_)\]*&-]", before) and not re.search(r"\d\.$", text[:position]):
            reader = _Reader(text, position, names)
            tex = reader.expression(outside=True)
            if tex is not None and reader.is_formula(position):
                out.append(f"${tex.removeprefix(SPACE).strip()}$")
                position = reader.position
                continue
        out.append(text[position])
        position += 1
    return "".join(out)


class _Reader:
    """Reads a formula from a position of a text on; each method returns its TeX, or `None` and
    leaves the position where it was."""

    def __init__(self, text: str, position: int, names: Names) -> None:
        self.text, self.position, self.names = text, position, names
        self.has_structure = False

    def is_formula(self, begin: int) -> bool:
        """Whether what was read is worth typesetting, and ends where a word ends."""
        read = self.text[begin : self.position]
        after = self.text[self.position : self.position + 2]
        if re.match(r"\w|['^\\~&]|-\w|\.\w", after):
            return False
        if re.search(rf"(^|\W)({'|'.join([*FUNCTIONS, *UPRIGHT])})$", read):  # a word of prose
            return False
        if not re.search("[a-zA-Z]", read) and not re.match(r"[(\[].*,", read):  # a number
            return False
        unit = re.search(r"\d [a-zA-Z]$", self.text[: self.position][-3:])
        if unit and (len(read) < 3 or re.search(r"(^|[=<>~/] )\d[\d.]* [a-zA-Z]$", read)):
            return False
        if re.fullmatch(r"[A-Z]{2,}(\W?_?[A-Z]{2,})*", read):  # an abbreviation, or a constant
            return False
        if self.has_structure or read not in ARTICLES:
            return self.has_structure or (len(read) == 1 and read.isalpha())
        following = re.match(r"\s+([a-z]+)", self.text[self.position :])
        return read == "a" and bool(following) and following.group(1) in {"at", "is"}

    def expression(self, *, outside: bool = False) -> str | None:
        """Factors beside one another or joined by operators; within brackets, by commas too."""
        begin = self.position
        sign = self._match(r"[-+](?=[\w(\[{|])") or ""
        tex = self._factor()
        if tex is None:
            self.position = begin
            return None
        tex, self.has_structure = sign + tex, self.has_structure or bool(sign)
        while True:
            begin = self.position
            joined = self._operator(outside)
            if joined is None:
                self._match(r"[ \n]\s*")
                word = re.match("[A-Za-z]*", self.text[self.position :]).group()
                prose = tex == "a" or re.fullmatch(r"\\mathrm{\w+}", tex) or self._is_own(word)
                if outside and (prose or self._is_article()):
                    self.position = begin
                    return tex
            sign = (self._match(r"-(?=[\w(\[{|])") or "") if joined else ""
            more = self._factor()
            if more is None:
                self.position = begin
                return tex
            more = sign + more
            self.has_structure |= joined is not None
            tex += (r" \, " if joined is None else joined) + more

    def _is_article(self) -> bool:
        """Whether the next word is a or A before a word of prose."""
        found = re.match(r"([aAI])\s+([A-Za-z-]+)", self.text[self.position :])
        if not found:
            return False
        word = found.group(2)
        return len(word) > 1 and word not in {*GREEK, *FUNCTIONS, *UPRIGHT, *AFTER_LETTERS}

    def _is_own(self, word: str) -> bool:
        """Whether a word is a name of the model, or an abbreviation."""
        if len(word) == 1 or _name(word) is not None:
            return False
        return word in self.names or bool(re.fullmatch("[A-Z]{2,3}", word))

    def _operator(self, outside: bool) -> str | None:
        begin = self.position
        found = self._match(r"\s+\.\s+(?=\w)|\s*(<=|>=|->|[=<>+/∘]|(?<!\w)~|-(?!-))\s*")
        if found is None:
            comma = None if outside else self._match(r"[,;]\s*")
            return None if comma is None else f"{comma[0]} "
        operator = found if " . " in found else found.strip()
        between = found.startswith((" ", "\n")), found.endswith((" ", "\n"))
        word = re.match(r"[A-Za-z]*", self.text[self.position :]).group()
        hyphen = between[0] != between[1] or (word in self.names and not between[0])
        if operator == "-" and hyphen:  # of a word, or a dash of a list
            self.position = begin
            return None
        return OPERATORS[operator]

    def _factor(self) -> str | None:
        tex = self._atom()
        return None if tex is None else tex + self._postfix()

    def _atom(self) -> str | None:
        begin = self.position
        if self._match(r"\.\.\.?(?!\w)"):
            return r"\dots"
        number = self._match(r"\d+(\.\d+)?(?!\w)|\d+(?=[a-df-z]\b)")
        if number:
            return number
        opening = self._match(r"[(\[{|]")
        if opening:
            return self._closed(opening, begin)
        name = self._match(r"[A-Za-z]+|[\u03b1-\u03c9\u0394\u03a3\u03a0\u03a9]")
        if not name:
            return None
        if self.position < len(self.text) and re.match(r"\d", self.text[self.position]):
            digits = self._match(r"\d\d?(?!\d)")
            if digits and len(name) == 1 and not re.match(r"\w", self.text[self.position :]):
                self.has_structure = True
                return f"{name}_{{{digits}}}"
            self.position = begin
            return None
        if self._is_own(name):
            return rf"\mathrm{{{name}}}"
        tex = _name(name)
        if tex is None:
            self.position = begin
            return None
        self.has_structure |= len(name) > 1
        if len(name) == 1 and self._match(r"~(?!\w)"):
            self.has_structure, tex = True, rf"\tilde {tex}"
        return tex

    def _closed(self, opening: str, begin: int) -> str | None:
        inner = self.expression()
        closing, inner = CLOSES[opening], inner and inner.removeprefix(SPACE)
        word = self.text[begin + 1 : self.position] in {*FUNCTIONS, *UPRIGHT}
        if inner is None or word or not self.text.startswith(closing, self.position):
            self.position = begin
            return None
        self.position += 1
        if opening == "|":  # a bar would end the cell of a table
            return rf"\lvert {inner} \rvert "
        return f"{TEX.get(opening, opening)}{inner}{TEX.get(closing, closing)}"

    def _postfix(self) -> str:
        """Primes, stars, subscripts, superscripts, arguments and factorials after an atom."""
        below, above, after, primes = "", "", "", ""
        while True:
            if found := self._match(r"'+(?!s\b)"):
                if above or after:
                    after += found
                else:
                    primes += found
            elif "*" not in above and (found := self._match(r"\\\*(?!\w)|\*+(?!\w)")):
                above += found.replace("\\", "")
            elif (found := self._script("_")) and not below:
                below = found
            elif found := self._script("^"):
                above += (r"\," if above else "") + found
            elif not after and self.text.startswith(("(", "[", "{"), self.position):
                begin = self.position
                opening = self._match(r"[(\[{]") or ""
                argument = self._closed(opening, begin)
                if argument is None:
                    break
                if self.text[begin - 4 : begin] == "sqrt":
                    argument = f"{{{argument[1:-1]}}}"
                after = _scripts(primes, below, above) + argument
                primes = below = above = ""
            elif found := self._match(r"!(?!=)"):
                after += "!"
            else:
                break
            self.has_structure = True
        return after + _scripts(primes, below, above) if after else _scripts(primes, below, above)

    def _script(self, mark: str) -> str | None:
        """What stands below or above."""
        begin = self.position
        if not self.text.startswith(mark, begin):
            return None
        self.position += 1
        sign = self._match(r"[-+](?=[\w(])") or ""
        if mark == "^" and (plus := self._match(r"[+*]+")):
            return plus
        if opening := self._match(r"[({]"):
            inner = self.expression()
            if inner is not None and self._match(re.escape(CLOSES[opening])):
                return f"{sign}({inner})" if sign else inner
        elif found := self._match(r"[A-Za-z]+|\d+"):
            if mark == "_":
                return sign + (_name(found) if found in GREEK else _word(found))
            tex = found if found.isdigit() else _name(found) or _word(found)
            return sign + tex + (self._match(r"'+") or "")
        self.position = begin
        return None

    def _match(self, pattern: str) -> str | None:
        found = re.compile(pattern).match(self.text, self.position)
        if found is None:
            return None
        self.position = found.end()
        return found.group()


def _scripts(primes: str, below: str, above: str) -> str:
    return primes + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _word(text: str) -> str:
    """A subscript that is a word, or several derivatives."""
    return text if text.isdigit() or len(set(text)) == 1 else rf"\mathrm{{{text}}}"


def _name(name: str) -> str | None:
    """A name that can stand in a formula, as TeX."""
    if name in FUNCTIONS or name in GREEK:
        return f"\\{name}" + (" " if name != "sqrt" else "")
    if name == "grad":
        return r"\nabla "
    if name in UPRIGHT:
        return rf"\operatorname{{{name}}}"
    if len(name) == 1:
        return LETTERS.get(name, name)
    if name.endswith("bar") and len(name) == 4:
        return rf"\bar {name[0]}"
    return rf"\, {name}" if len(name) == 2 and name[0] == "d" and name[1] in "tWxsrfzpq" else None
