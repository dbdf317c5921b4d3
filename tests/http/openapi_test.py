#!/usr/bin/env python3
"""The document that the running service gives: sound in itself, the same each time, and true: what
it says of every operation holds for requests without credentials, without a body, with a wrong
one."""
import copy
import re
import tempfile

import _document
from _service import MODEL, Service, check, finish, project

PROBLEM = "application/problem+json"


def the_checker_sees(document):
    """Faults that are put in are found, so that none found means something."""
    def broken(change):
        copied = copy.deepcopy(document)
        change(copied)
        return _document.faults(copied)
    first = _document.operations(document)[0]
    paths = [(path, method.lower()) for path, method, _ in _document.operations(document)]

    def operation(copied, index=0):
        return copied["paths"][paths[index][0]][paths[index][1]]

    def refer(copied):
        operation(copied)["responses"]["400"]["content"][PROBLEM]["schema"]["$ref"] += "x"

    def same_id(copied):
        operation(copied, 1)["operationId"] = first[2]["operationId"]

    def no_parameter(copied):
        copied["paths"]["/x/{y}"] = {"get": {**operation(copied), "operationId": "x"}}

    def no_property(copied):
        copied["components"]["schemas"]["Problem"]["required"].append("nothing")
    for change in (refer, same_id, no_parameter, no_property):
        check(broken(change), change.__name__, "is found")


def every_operation(service, document):
    for path, method, operation in _document.operations(document):
        target = _document.target_of(path)
        takes = operation.get("requestBody", {}).get("content", {})
        service.ask(method, target)
        service.ask(method, target, {"Content-Type": "application/json"}, b"{}")
        service.ask(method, target, {"Content-Type": "application/json"}, b"{")
        service.ask(method, target, {"Content-Type": "x/y"}, b"x")
        service.ask(method, target, {"Content-Type": "application/json",
                                     "Content-Encoding": "gzip"}, b"x")
        service.ask(method, target, {"Accept": "image/png"})
        for kind in takes:
            service.ask(method, target, {"Content-Type": kind}, b"")
            service.ask(method, target, {"Content-Type": kind}, b"\xff\0")
        if method == "GET":
            head, whole = service.ask("HEAD", target), service.ask("GET", target)
            check(head.status == whole.status and not head.body, "HEAD is GET without a body", path)
            check(head.headers.get("content-type") == whole.headers.get("content-type"), path)
        answer = service.ask("BREW" if method == "OPTIONS" else "OPTIONS", target)
        check(answer.status == 405 and method in answer.headers.get("allow", ""), path, answer)


def answers_have_their_form(service):
    for method, target, answer in service.seen:
        name = answer.headers.get("x-request-id", "")
        check(answer.status and re.fullmatch("[A-Za-z0-9._-]{1,64}", name), target, answer)
        check(answer.status < 500 or answer.status == 503, method, target, answer)
        if answer.status >= 400 and method != "HEAD":
            problem = answer.json()
            check(problem["status"] == answer.status and problem["title"] and problem["type"] and
                  problem["instance"] and problem["request_id"] == answer.headers["x-request-id"],
                  "a problem", answer)


with tempfile.TemporaryDirectory() as folder, \
        Service({"limits": {"body_mib": 1}}, ["--development", "--model", MODEL],
                folder=project(folder)) as running:
    first, second = running.get("/openapi.json"), running.get("/openapi.json")
    check(first.body == second.body, "the same bytes")
    check(first.headers["content-type"] == "application/json", first.headers)
    document = first.json()
    for fault in _document.faults(document):
        check(False, fault)
    the_checker_sees(document)
    check(len(_document.operations(document)) >= 6, "operations")
    every_operation(running, document)
    answers_have_their_form(running)
    for fault in _document.undocumented(document, running.seen):
        check(False, fault)
    page = running.get("/reference")
    check(page.type == "text/html" and "default-src 'none'" in
          page.headers.get("content-security-policy", ""), "the page runs nothing", page)
    check(b"<script" not in page.body, "no script in it")
    for path, _, operation in _document.operations(document):
        check(operation["operationId"].encode() in page.body, path, "is on the page")

closed = Service({"access": {"api_keys": {"file": "keys.json"}}}, options=())
closed.write("keys.json", '{"keys": []}')
with closed:
    closed.seen.clear()
    for path, method, operation in _document.operations(document):
        answer = closed.ask(method, _document.target_of(path))
        if operation["security"] and {} not in operation["security"]:
            check(answer.status == 401, "asks who it is", path, answer)
        else:
            check(answer.status not in (401, 403, 429), "asks nobody", path, answer)
    for fault in _document.undocumented(document, closed.seen):
        check(False, fault)
finish()
