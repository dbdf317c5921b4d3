"""An OpenAPI document looked at: is it sound in itself, and does a reply agree with it?"""
import re

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def operations(document):
    """(path, METHOD, operation), in the order of the document."""
    return [(path, method.upper(), item[method]) for path, item in document["paths"].items()
            for method in METHODS if method in item]


def target_of(path):
    """A path with values that name what the tests serve."""
    known = {"model": "m", "version": "1", "node": "total", "id": "production"}
    return re.sub(r"\{([^}]*)\}", lambda found: known.get(found[1], "x"), path)


def nodes(value, place="#"):
    yield place, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from nodes(item, place + "/" + key.replace("~", "~0").replace("/", "~1"))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from nodes(item, f"{place}/{index}")


def resolve(document, reference):
    value = document
    for part in reference.removeprefix("#/").split("/"):
        value = value[part.replace("~1", "/").replace("~0", "~")]
    return value


def schemas_of(document):
    """Every place of the document that is a schema."""
    for place, value in nodes(document):
        if isinstance(value, dict) and re.search(
                r"/(schema|items|properties/[^/]+|additionalProperties|components/schemas/[^/]+)$",
                place) and "/example" not in place:
            yield place, value


def faults(document):
    """What is not sound, as texts."""
    found = []
    if not re.fullmatch(r"3\.1\.\d", document.get("openapi", "")):
        found.append("openapi is " + repr(document.get("openapi")))
    for key in ("title", "version"):
        if not isinstance(document.get("info", {}).get(key), str):
            found.append("info has no " + key)
    for place, value in nodes(document):
        if isinstance(value, dict) and isinstance(value.get("$ref"), str):
            try:
                resolve(document, value["$ref"])
            except (KeyError, TypeError):
                found.append(f"{place}: {value['$ref']} leads nowhere")
    for place, schema in schemas_of(document):
        found += schema_faults(place, schema)
    used = {value["$ref"] for _, value in nodes(document)
            if isinstance(value, dict) and isinstance(value.get("$ref"), str)}
    found += [f"{place}/{kind} has no schema" for place, value in nodes(document)
              if place.endswith("/content") for kind, media in value.items()
              if "schema" not in media]
    found += [f"schema {name} is not used" for name in document["components"]["schemas"]
              if f"#/components/schemas/{name}" not in used]
    return found + operation_faults(document)


def schema_faults(place, schema):
    kinds = {"object", "array", "string", "number", "integer", "boolean", "null"}
    given = schema.get("type", [])
    given = given if isinstance(given, list) else [given]
    found = [f"{place}: unknown type {kind}" for kind in given if kind not in kinds]
    for key in schema.get("required", []):
        if key not in schema.get("properties", {}):
            found.append(f"{place}: required {key} is no property")
    for low, high in (("minimum", "maximum"), ("minItems", "maxItems"), ("minLength", "maxLength")):
        if low in schema and high in schema and schema[low] > schema[high]:
            found.append(f"{place}: {low} is above {high}")
    if "pattern" in schema:
        re.compile(schema["pattern"])
    if "array" in given and "items" not in schema:
        found.append(f"{place}: an array of what?")
    return found


def operation_faults(document):
    found, seen, shapes = [], set(), {}
    for path, method, operation in operations(document):
        name = f"{method} {path}"
        if operation.get("operationId") in seen or not operation.get("operationId"):
            found.append(f"{name}: operationId {operation.get('operationId')} is not its own")
        seen.add(operation.get("operationId"))
        shape = (method, re.sub(r"\{[^}]*\}", "{}", path))
        if shape in shapes:
            found.append(f"{name} and {shapes[shape]} are one")
        shapes[shape] = name
        for key in ("summary", "responses", "tags", "security"):
            if key not in operation:
                found.append(f"{name}: no {key}")
        given = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
        wanted = re.findall(r"\{([^}]*)\}", path)
        if sorted(given) != sorted(wanted):
            found.append(f"{name}: parameters {given} of path {wanted}")
        keys = [(p["name"], p["in"]) for p in operation.get("parameters", [])]
        if len(set(keys)) != len(keys):
            found.append(f"{name}: a parameter twice")
        for parameter in operation.get("parameters", []):
            if "schema" not in parameter or (parameter["in"] == "path" and
                                             parameter.get("required") is not True):
                found.append(f"{name}: parameter {parameter['name']}")
        for scheme in operation.get("security", []):
            for key in scheme:
                if key not in document["components"]["securitySchemes"]:
                    found.append(f"{name}: unknown security {key}")
        for status, response in operation["responses"].items():
            if not re.fullmatch(r"[1-5]\d\d|default", status) or not response.get("description"):
                found.append(f"{name}: response {status}")
    return found


def find(document, target, method):
    """The operation that a target is about: literal segments before values. None: none."""
    path = re.sub(r"^https?://[^/?]*", "", target, flags=re.I).partition("?")[0]
    fitting = []
    for template, verb, operation in operations(document):
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if verb == ("GET" if method == "HEAD" else method) and re.fullmatch(pattern, path):
            fitting.append((template.count("{"), operation))
    return min(fitting, key=lambda item: item[0])[1] if fitting else None


def undocumented(document, seen):
    """Replies to (method, target, answer) that the document does not say can come."""
    found = []
    for method, target, answer in seen:
        operation = find(document, target, method)
        if not operation or not answer.status:
            continue
        name = f"{method} {target[:80]}: {answer.status}"
        response = operation["responses"].get(str(answer.status))
        if not response:
            found.append(f"{name} is not documented: {answer!r}")
        elif answer.type and answer.type not in response.get("content", {}):
            found.append(f"{name} as {answer.type} is not documented: {answer!r}")
    return found
