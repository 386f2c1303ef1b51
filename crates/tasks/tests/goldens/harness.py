"""Asks lm-evaluation-harness for prompts, filtered answers and scores of made-up rows, and prints them as JSON.

    python harness.py > harness.json             # lm_eval 0.4.13
    python harness.py $MAEC_DATA > real.json     # SHA-256 of all prompts of the real rows

Rows, exemplars and outputs of the first are inventions in the shape of the real ones. Exemplars are taken in order (`first_n`), since the harness
shuffles them otherwise.
"""

import csv
import hashlib
import json
import random
import sys
from pathlib import Path

import datasets
import lm_eval
import yaml
from lm_eval.api.metrics import exact_match_hf_evaluate
from lm_eval.api.task import ConfigurableTask
from lm_eval.filters.extraction import RegexFilter

TASKS = Path(lm_eval.__file__).parent / "tasks"
LANGUAGES = ["bn", "de", "en", "es", "fr", "ja", "ru", "sw", "te", "th", "zh"]
# Label and space or full-width colon before an exemplar's answer, as the published exemplars have them.
SAMPLE = {
    "bn": ("প্রশ্ন: ", "ধাপে ধাপে উত্তর: ", "মিতার {}টি আম আছে।", "উত্তর হল {}।"),
    "de": ("Frage: ", "Schritt-für-Schritt-Antwort: ", "Mia hat {} Äpfel.", "Die Antwort lautet {}."),
    "en": ("Question: ", "Step-by-Step Answer: ", "Mia has {} apples.", "The answer is {}."),
    "es": ("Pregunta: ", "Respuesta paso a paso: ", "Mía tiene {} peras.", "La respuesta es {}."),
    "fr": ("Question : ", "Réponse étape par étape : ", "Mia a {} pommes.", "La réponse est {}."),
    "ja": ("問題：", "ステップごとの答え：", "ミアはりんごを{}個持っています。", "答えは{}です。"),
    "ru": ("Задача: ", "Пошаговое решение: ", "У Мии {} яблок.", "Ответ — {}."),
    "sw": ("Swali: ", "Jibu la Hatua kwa Hatua: ", "Mia ana maembe {}.", "Jibu ni {}."),
    "te": ("ప్రశ్న: ", "దశలవారీగా సమాధానం: ", "మియా వద్ద {} పండ్లు ఉన్నాయి.", "సమాధానం {}."),
    "th": ("โจทย์: ", "คำตอบทีละขั้นตอน: ", "มีอามีแอปเปิล {} ผล", "คำตอบคือ {}"),
    "zh": ("问题：", "逐步解答：", "米娅有 {} 个苹果。", "答案是 {}。"),
}


def config(path):
    """A task's YAML with what it includes."""
    text = yaml.safe_load(path.read_text())
    include = text.pop("include", None)
    return {**(config(path.parent / include) if include else {}), **text}


def table(rows):
    # With a fingerprint of its own, since computing one pickles all of pyarrow.
    return datasets.Dataset(datasets.table.InMemoryTable.from_pylist(rows), fingerprint="made-up")


def task(path, splits):
    settings = config(path)
    settings["fewshot_config"] = {"sampler": "first_n"}
    settings["fewshot_split"] = settings.get("fewshot_split", settings.get("training_split"))
    settings.pop("tag", None)
    loaded = {split: table(rows) for split, rows in splits.items()}
    settings["custom_dataset"] = lambda **_: loaded
    return ConfigurableTask(config=settings), settings


def prompts(made, doc, shots):
    return {str(n): made.fewshot_context(doc, n) for n in shots}


def filters(settings):
    named = {}
    for entry in settings["filter_list"]:
        regex = next(f for f in entry["filter"] if f["function"] == "regex")
        named[entry["name"].split("-")[0]] = RegexFilter(regex["regex_pattern"], regex.get("group_select", 0))
    return named


def answers(settings, outputs):
    metric = settings["metric_list"][0]
    options = {k: metric[k] for k in ("ignore_case", "ignore_punctuation", "regexes_to_ignore") if k in metric}
    rows = []
    for text, gold in outputs:
        row = {"text": text, "gold": gold}
        for name, regex in filters(settings).items():
            read = regex.apply([[text]], [{}])
            read = list(read)[0][0]
            score = exact_match_hf_evaluate([read], [gold], **options)["exact_match"]
            row[name] = [read, float(score)]
        rows.append(row)
    return rows


def mgsm(code):
    question, answer, body, phrase = SAMPLE[code]
    rows = [
        {"question": question + body.format(n), "answer": answer + f"{n} + 1 = {n + 1}. " + phrase.format(n + 1),
         "answer_number": n + 1, "equation_solution": ""}
        for n in (3, 40)
    ]
    doc = {"question": body.format("1,200"), "answer": None, "answer_number": 1200, "equation_solution": None}
    made, settings = task(TASKS / "mgsm/native_cot" / f"mgsm_native_cot_{code}.yaml", {"train": rows, "test": [doc]})
    numbers = ["7", "7.", "1,200", "$7", "$7.00.", "-7", "−7", "7.5", "০", "", "7, 8", "...", "7%"]
    texts = [phrase.format(n) for n in numbers] + ["12 - 5 = 7. " + phrase.format(n) for n in numbers[:6]]
    texts += [phrase.format(5) + " " + phrase.format(7), "THE ANSWER IS 7", "The answer is 7.", body.format(7), "\n7\n", ""]
    return {
        "exemplars": [{"q": r["question"], "a": r["answer"]} for r in rows],
        "question": doc["question"],
        "prompts": prompts(made, doc, (0, 1, 2)),
        "until": made.config.generation_kwargs["until"],
        "answers": answers(settings, [(text, "7") for text in texts]),
    }


def gsm8k():
    rows = [
        {"question": "Mia has 3 apples and buys 4.  How many are there?", "answer": "3 + 4 = <<3+4=7>>7 apples.\n#### 7"},
        {"question": "A box costs $600. What do two cost?", "answer": "2 * 600 = $<<2*600=1200>>1,200.\n#### 1,200"},
    ]
    doc = {"question": "A pen costs $2.\nWhat do 600 cost?", "answer": "600 * 2 = 1200\n#### 1,200"}
    made, settings = task(TASKS / "gsm8k/gsm8k.yaml", {"train": rows, "test": [doc]})
    draw, words = random.Random(1), ["#### ", "1,200", "1200", "$", ".", "\n", " ", "-", "7", "So ", "####", ",", "0.5"]
    texts = ["".join(draw.choices(words, k=draw.randint(1, 7))) for _ in range(150)]
    golds = [doc["answer"], "x\n#### 7", "x\n#### -1200"]
    return {
        "rows": rows,
        "question": doc["question"],
        "answer": doc["answer"],
        "prompts": prompts(made, doc, (0, 1, 2)),
        "until": made.config.generation_kwargs["until"],
        "answers": answers(settings, [(text, golds[i % 3]) for i, text in enumerate(texts)]),
    }


def mmlu():
    rows = [
        {"question": "Which is a metal?", "choices": ["Iron", "Neon", "Wood, dry", 'A "salt"'], "answer": 0},
        {"question": "  What falls?\nNot up.", "choices": ["Up", "Down", "1", "-1"], "answer": 1},
    ]
    doc = {"question": " Which moves?\n", "choices": ["a", " b", "c ", "d\ne"], "answer": 3}
    made, _ = task(TASKS / "mmlu/default/mmlu_high_school_physics.yaml", {"dev": rows, "test": [doc]})
    context = made.fewshot_context(doc, 0)
    requests = made.construct_requests(doc, context)
    return {
        "rows": rows,
        "doc": doc,
        "prompts": prompts(made, doc, (0, 1, 2)),
        "continuations": [request.args[1] for request in requests],
    }


def lines(value, depth):
    """JSON with a line for every entry of the outer `depth` levels."""
    if depth == 0 or not isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        inner = [f"{json.dumps(key)}: {lines(item, depth - 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner) + "\n}"
    return "[\n" + ",\n".join(lines(item, depth - 1) for item in value) + "\n]"


def digest(made, docs, shots):
    """Rows, and the hash of their prompts joined by NUL."""
    joined = "\0".join(made.fewshot_context(doc, shots) for doc in docs)
    return [len(docs), hashlib.sha256(joined.encode()).hexdigest()]


def real_mgsm(data, code):
    exemplars = json.loads((data / "mgsm/exemplars.json").read_text())["exemplars"][code]
    empty = {"answer_number": None, "equation_solution": None}
    shown = [{"question": exemplars[str(n)]["q"], "answer": exemplars[str(n)]["a"], **empty} for n in range(1, 9)]
    rows = [line.split("\t") for line in (data / f"mgsm/mgsm_{code}.tsv").read_text().splitlines()]
    docs = [{"question": question, "answer": None, **empty} for question, _ in rows]
    made, _ = task(TASKS / "mgsm/native_cot" / f"mgsm_native_cot_{code}.yaml", {"train": shown, "test": docs})
    return digest(made, docs, 8)


def real_gsm8k(data):
    read = lambda name: [json.loads(line) for line in (data / "gsm8k" / name).open()]
    docs = read("test.jsonl")
    made, _ = task(TASKS / "gsm8k/gsm8k.yaml", {"train": read("train_first2000.jsonl"), "test": docs})
    return digest(made, docs, 5)


def real_mmlu(data, subject):
    def read(split):
        with (data / f"mmlu_stem_en/{split}/{subject}_{split}.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        return [{"question": q, "choices": choices, "answer": "ABCD".index(a)} for q, *choices, a in rows]

    docs = read("test")
    made, _ = task(TASKS / f"mmlu/default/mmlu_{subject}.yaml", {"dev": read("dev"), "test": docs})
    return digest(made, docs, 5)


if len(sys.argv) > 1:
    data = Path(sys.argv[1])
    science = [f"{level}_{field}" for level in ("college", "high_school") for field in ("biology", "chemistry", "physics")]
    golden = {
        "harness": lm_eval.__version__,
        "mgsm": {code: real_mgsm(data, code) for code in ("bn", "en", "es", "te", "zh")},
        "gsm8k": {"en": real_gsm8k(data)},
        "mmlu": {subject: real_mmlu(data, subject) for subject in science},
    }
    print(lines(golden, 2))
else:
    golden = {"harness": lm_eval.__version__, "mgsm": {c: mgsm(c) for c in LANGUAGES}, "gsm8k": gsm8k(), "mmlu": mmlu()}
    print(lines(golden, 4))
