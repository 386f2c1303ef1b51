"""Writes expected.json: what Jinja2, set up as transformers does, makes of the templates beside it."""

import json
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_through"), [], [], body).set_lineno(line)

    def _through(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda format: datetime(2024, 7, 26).strftime(format)

SYSTEM = {"role": "system", "content": "You are brief.\nVery brief. "}
USER = {"role": "user", "content": "  How many whales? <b>&\"'</b>\n"}
ANSWER = {"role": "assistant", "content": "Twelve 🐋 - \\u003c {{ not a template }}"}
AGAIN = {"role": "user", "content": "কত? 在哪里"}
CHATS = [[USER], [SYSTEM, USER], [USER, ANSWER, AGAIN], [SYSTEM, USER, ANSWER, AGAIN], [ANSWER, USER]]

here = Path(__file__).parent
cases = []
for template in ["chatml", "constructs", "gemma2", "llama3", "qwen2"]:
    compiled = environment.from_string((here / f"{template}.jinja").read_text())
    for messages in CHATS:
        for add_generation_prompt in [False, True]:
            case = {"template": template, "messages": messages, "add_generation_prompt": add_generation_prompt}
            try:
                case["prompt"] = compiled.render(
                    messages=messages,
                    add_generation_prompt=add_generation_prompt,
                    tools=None,
                    documents=None,
                    bos_token="<bos>",
                    eos_token="<eos>",
                )
            except jinja2.exceptions.TemplateError as error:
                case["raised"] = error.message
            cases.append(case)
(here / "expected.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
