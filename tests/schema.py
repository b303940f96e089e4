"""schema.py SCHEMA ANSWER.. - whether each ANSWER, a JSON object or an array of them, is as SCHEMA
says. What is wrong is printed. Of JSON Schema it knows the words that the schemas here use, and
fails for any other; where python has jsonschema, that is asked, too."""

import json
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
NOTES = {"$schema", "title", "$defs"}


def has_type(value, name):
    if name in TYPES:
        return isinstance(value, TYPES[name])
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and (name == "number" or (name == "integer" and value == int(value)))


def faults(value, schema, root, at="answer"):
    """What is wrong with a value, as texts."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    found, number = [], has_type(value, "number")
    for word, wanted in schema.items():
        good = True
        if word == "type":
            names = wanted if isinstance(wanted, list) else [wanted]
            good = any(has_type(value, name) for name in names)
        elif word == "enum":
            good = any(value == one and type(value) is type(one) for one in wanted)
        elif word == "anyOf":
            good = any(not faults(value, one, root) for one in wanted)
        elif word == "minimum":
            good = not number or value >= wanted
        elif word == "maximum":
            good = not number or value <= wanted
        elif word in ("minItems", "minLength"):
            good = not isinstance(value, (list, str)) or len(value) >= wanted
        elif word == "maxItems":
            good = not isinstance(value, list) or len(value) <= wanted
        elif word == "required":
            good = not isinstance(value, dict) or all(key in value for key in wanted)
        elif word == "items":
            for i, one in enumerate(value if isinstance(value, list) else []):
                found += faults(one, wanted, root, "%s[%d]" % (at, i))
        elif word in ("properties", "additionalProperties"):
            own = schema.get("properties", {})
            for key, one in (value if isinstance(value, dict) else {}).items():
                part = own.get(key) if word == "properties" else None if key in own else wanted
                if part is False:
                    found.append("%s: no %s is foreseen" % (at, key))
                elif part:
                    found += faults(one, part, root, "%s.%s" % (at, key))
        elif word not in NOTES:
            raise SystemExit("schema.py does not know '%s'" % word)
        if not good:
            found.append("%s: %s is not %s %s" % (at, json.dumps(value)[:80], word, wanted))
    return found


def consistent(info):
    """What a schema can't say."""
    for key in ("scales", "offsets", "descriptions", "colors", "units", "statistics",
                "band_metadata"):
        if key in info and len(info[key]) != info["bands"]:
            yield "%s has %d of %d bands" % (key, len(info[key]), info["bands"])
    if len(info["overview_sizes"]) != info["overviews"]:
        yield "%d sizes of %d overviews" % (len(info["overview_sizes"]), info["overviews"])
    if len(info.get("overview_places", [])) != info["overviews"]:
        yield "%d places of %d overviews" % (len(info.get("overview_places", [])),
                                             info["overviews"])


def main():
    schema = json.load(open(sys.argv[1]))
    for path in sys.argv[2:]:
        answer = json.load(open(path, encoding="utf-8"))
        for one in answer if isinstance(answer, list) else [answer]:
            found = faults(one, schema, schema) or list(consistent(one))
            if jsonschema and not found:
                found = [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(one)]
            for fault in found:
                print(one.get("file", path), fault)


main()
