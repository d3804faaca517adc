# What the rules read and are told: input and params functions, in the order of the rules.


def asked(wildcards, *more):
    """What every stage that runs a model on a benchmark reads; `more`: other stages' tables of the same shard."""
    place = f"{wildcards.model}/{wildcards.benchmark}/part-{wildcards.shard}.arrow"
    return {
        "questions": f"{RESULTS}/benchmarks/{wildcards.benchmark}.arrow",
        "model": f"{RESULTS}/models/{wildcards.model}.json",
        **{stage: f"{RESULTS}/{stage}/{place}" for stage in ("vision", *more)},
    }


def data_files(wildcards):
    """Files of a local data set; the hub's have none before the download."""
    settings = config["benchmarks"][wildcards.benchmark]
    if settings["source"] == "rendered":
        return f"{RESULTS}/rendered/{settings['task']}"
    path = Path(settings["source"]).expanduser()
    if not configuration.is_local(settings["source"]):
        return []
    return sorted(map(str, path.rglob("*.*"))) if path.is_dir() else str(path)


def data_settings(wildcards):
    """The benchmark's entry of config.yaml, with the folder in place of `rendered`."""
    settings = dict(config["benchmarks"][wildcards.benchmark])
    if settings["source"] == "rendered":
        settings["source"] = f"{RESULTS}/rendered/{settings['task']}"
    return settings


def model_files(wildcards):
    source = model_settings(wildcards)["source"]
    if not configuration.is_local(source):
        return []
    folder = Path(source).expanduser()
    return sorted(str(path) for path in folder.glob("*") if path.suffix in hub.SUFFIXES)


def bracket(wildcards):
    """The strategies of one sweep job."""
    return SWEEPS[wildcards.strategies]


def oracle_tables(names):
    """The stages that these strategies read."""
    return ["information"] * ("information" in names)


def oracle_settings(names):
    """What they have to know of those."""
    return {"window": config[stage]["window"] for stage in oracle_tables(names)}


def sweep_inputs(wildcards):
    return asked(wildcards, *oracle_tables(bracket(wildcards)))


def sweep_settings(wildcards):
    """The part of `sweep` that one job reads, with the layers of each of its strategies."""
    settings = {key: value for key, value in config["sweep"].items() if key != "strategies"}
    first = {
        s: strategy_registry.entry(s, config["strategies"]).first_layer for s in bracket(wildcards)
    }
    of = {name: layers("sweep", max(1, layer))(wildcards) for name, layer in first.items()}
    return {**settings, "layers": of}


def schedule_inputs(wildcards):
    return asked(wildcards, *oracle_tables(SCHEDULE_STRATEGIES))


def schedule_settings(wildcards):
    """Each schedule with its layers resolved to this model's depth."""
    depth = configuration.depth_of(wildcards.model, model_settings(wildcards))
    return {
        name: {
            "positions": config["schedules"][name]["positions"],
            "stages": configuration.stages_of(config, name, depth),
        }
        for name in SCHEDULES
    }


# Every table of the run, for the stages that read all of them: horizons, figures, report.
RUN = {"model": MODELS, "benchmark": BENCHMARKS, "shard": SHARDS}
PART = "{model}/{benchmark}/part-{shard}.arrow"
QUESTIONS = expand(f"{RESULTS}/benchmarks/{{benchmark}}.arrow", benchmark=BENCHMARKS)
IMAGES = expand(f"{RESULTS}/benchmarks/{{benchmark}}.images.arrow", benchmark=BENCHMARKS)
VISION = expand(f"{RESULTS}/vision/{PART}", **RUN)
ANSWERS = expand(f"{RESULTS}/answers/{PART}", **RUN)
INFORMATION = expand(f"{RESULTS}/information/{PART}", **RUN)
SWEPT = expand(
    f"{RESULTS}/sweep/{{model}}/{{benchmark}}/{{strategies}}/part-{{shard}}.arrow",
    **RUN,
    strategies=list(SWEEPS),
)
SCHEDULED = expand(
    f"{RESULTS}/schedules/{{model}}/{{benchmark}}/{{schedule}}/part-{{shard}}.arrow",
    **RUN,
    schedule=list(SCHEDULES),
)


def printed_settings():
    """The configuration that the page shows: what can change a number, of what was run."""
    chosen = {
        "models": MODELS,
        "benchmarks": BENCHMARKS,
        "schedules": SCHEDULES,
    }
    settings = {
        section: {name: config[section][name] for name in names}
        for section, names in chosen.items()
    }
    for section in ("information", "sweep", "schedule_run", "strategies", "horizon", "seed"):
        settings[section] = config[section]
    return settings


def merging():
    """Strategies of the run that merge tokens."""
    used = {*configuration.swept(config), *SCHEDULE_STRATEGIES}
    return sorted(s for s in used if strategy_registry.entry(s, config["strategies"]).merges)


def verified(wildcards):
    """All tables of one model on one benchmark."""
    of = {"model": wildcards.model, "benchmark": wildcards.benchmark}
    return {
        "questions": f"{RESULTS}/benchmarks/{wildcards.benchmark}.arrow",
        "images": f"{RESULTS}/benchmarks/{wildcards.benchmark}.images.arrow",
        "model": f"{RESULTS}/models/{wildcards.model}.json",
        "answers": parts("answers", **of),
        "information": parts("information", **of),
        "sweep": [path for name in SWEEPS for path in parts("sweep", strategies=name, **of)],
        "schedules": [
            path for name in SCHEDULES for path in parts("schedules", schedule=name, **of)
        ],
    }
