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


def horizon_tables():
    """(what a table is, its path) of every table that the estimates are made from."""
    for model in MODELS:
        for benchmark in BENCHMARKS:
            of = {"model": model, "benchmark": benchmark}
            stages = {("benchmarks", ""): [f"{RESULTS}/benchmarks/{benchmark}.arrow"]}
            stages |= {(s, ""): parts(s, **of) for s in ("answers", "information")}
            stages |= {("sweep", s): parts("sweep", strategies=s, **of) for s in SWEEPS}
            stages |= {("schedules", s): parts("schedules", schedule=s, **of) for s in SCHEDULES}
            for (stage, name), paths in stages.items():
                for path in paths:
                    yield {**of, "stage": stage, "name": name}, path


def of_run(stage, variants=({},)):
    """Parts of a stage as {model: {benchmark: [path]}}; variants: the wildcards beside model and benchmark."""
    return {
        model: {
            benchmark: [
                path
                for variant in variants
                for path in parts(stage, model=model, benchmark=benchmark, **variant)
            ]
            for benchmark in BENCHMARKS
        }
        for model in MODELS
    }


def flat(paths):
    """All paths of an `of_run`."""
    return [path for of in paths.values() for listed in of.values() for path in listed]


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
