# What the rules read and are told: input and params functions.
#
# `settings` and `code` decide a cell's numbers, `cells` says which cells a table holds, `scoring` how answers are scored.
# `protocol` is how a model is asked: what of it decides a cell is in the digests of questions, images and answers.
# What decides no number (batch_size, compile, device but for `dtype: auto`) is no param: scripts read it from the
# configuration.

# The part of a model's entry that can change a number; weights are told apart by their own digest.
NUMBERS = ("dtype", "prompt")


def asked(wildcards, *more):
    """What every stage that runs a model on a benchmark reads; `more`: other stages' tables of the same shard."""
    place = f"{wildcards.model}/{wildcards.benchmark}/part-{wildcards.shard}.arrow"
    return {
        "questions": f"{RESULTS}/benchmarks/{wildcards.benchmark}.arrow",
        "model": f"{RESULTS}/models/{wildcards.model}.json",
        **{stage: f"{RESULTS}/{stage}/{place}" for stage in ("vision", *more)},
    }


def asked_and_images(wildcards):
    """What a stage reads that encodes images itself."""
    images = f"{RESULTS}/benchmarks/{wildcards.benchmark}.images.arrow"
    return {**asked(wildcards), "images": images}


def local_data(wildcards):
    """Files of a local data set; none for the hub's and for rendered ones."""
    settings = config["benchmarks"][wildcards.benchmark]
    if settings["source"] == "rendered" or not hub.is_local(settings["source"]):
        return []
    return [str(path) for path in datafiles.data_files(Path(settings["source"]))]


def expressible(paths):
    """The paths that Snakemake can take as inputs: it reads a brace as a wildcard. Their content counts in `params`."""
    return lambda wildcards: [path for path in paths(wildcards) if "{" not in path]


def rendered_data(wildcards):
    """The folder of a rendered data set; none for all others."""
    settings = config["benchmarks"][wildcards.benchmark]
    return [f"{RESULTS}/rendered/{settings['task']}"] if settings["source"] == "rendered" else []


def weights(wildcards):
    """Files of a local model; none for the hub's."""
    source = model_settings(wildcards)["source"]
    if not hub.is_local(source):
        return []
    folder = Path(source)
    return sorted(str(path) for path in folder.glob("*") if path.suffix in hub.SUFFIXES)


def adapter(wildcards):
    """config.json and weights of an adapter, which is no whole model."""
    source = model_settings(wildcards)["source"]
    return [f"{source}/{name}" for name in ("config.json", hub.ADAPTER)]


def merged(wildcards):
    """The folder where an adapter is a whole model; none for models that are whole."""
    source = model_settings(wildcards)["source"]
    return [f"{RESULTS}/merged/{wildcards.model}"] if hub.is_adapter(source) else []


def model_numbers(wildcards):
    settings = model_settings(wildcards)
    return {key: settings[key] for key in NUMBERS if key in settings}


def protocol(wildcards):
    """How the wildcards' model is asked on their benchmark."""
    return protocols.protocol_of(config, wildcards.model, wildcards.benchmark)


def seen(wildcards):
    """What decides what the vision tower makes of an image."""
    chosen = protocol(wildcards)
    return {
        "dtype": model_settings(wildcards)["dtype"],
        **{key: chosen[key] for key in protocols.VISION},
    }


def downsample_settings(wildcards):
    """What decides an answer about an image at lower resolution, beside its question."""
    return {"model": {**model_numbers(wildcards), **seen(wildcards)}}


def layers(section, wildcards, first=0):
    """The layers of a section of config.yaml on the wildcard's model."""
    return units.layers_of(config[section]["layers"], depth(wildcards), first)


def task_module(benchmark):
    """The library's module with a benchmark's task."""
    return tasks.module_of(config["benchmarks"][benchmark]["task"])


def scoring(wildcards):
    """The rules by which a benchmark's answers are scored, with their code."""
    settings = config["benchmarks"][wildcards.benchmark]
    rules = {"task": settings["task"], "options": protocol(wildcards)["options"]}
    return {"benchmark": rules, "code": code(None, task_module(wildcards.benchmark))}


def model_code(script):
    """params function: digest of a script, and of the file of the wildcard's architecture."""
    return lambda wildcards: code(
        script,
        *(f"models.{name}" for name in configuration.architectures(model_settings(wildcards))),
    )


def pruning_code(script, names):
    """params function: digests of a script without its strategies, and of each strategy alone."""
    each = {
        name: code(None, *strategy_registry.modules_of(name, config["strategies"]))
        for name in names
    }
    return lambda wildcards: {"engine": model_code(script)(wildcards), "strategies": each}


def informed(names):
    """Whether one of these strategies reads the information table."""
    return any(strategy_registry.is_informed(name, config["strategies"]) for name in names)


def own_strategies(wildcards):
    """`strategies:` with the names of the wildcards' model and benchmark in the paths of kept sets."""
    return configuration.own_strategies(config, wildcards.model, wildcards.benchmark)


def kept_files(wildcards):
    """Strategy → its file of kept sets, for the wildcards' model and benchmark."""
    return configuration.kept_files(config, wildcards.model, wildcards.benchmark)


def pruning_settings(names):
    """params function: what decides the numbers of answers under these strategies."""

    def settings(wildcards):
        return {
            "model": model_numbers(wildcards),
            "strategies": {
                n: value for n, value in own_strategies(wildcards).items() if n in names
            },
            "files": {
                n: content([path]) for n, path in kept_files(wildcards).items() if n in names
            },
            "seed": config["seed"],
            "store_kept": config["sweep"]["store_kept"],
            **({"window": config["information"]["window"]} if informed(names) else {}),
        }

    return settings


def pruning_inputs(names):
    """Input function: the tables, and the information table where the oracle is among the strategies.

    Where a strategy reads kept sets, their check comes first.
    """

    def inputs(wildcards):
        found = asked(wildcards, *(["information"] if informed(names) else []))
        if set(kept_files(wildcards)) & set(names):
            found["checked"] = f"{RESULTS}/checks/{wildcards.model}/{wildcards.benchmark}.kept.txt"
        return found

    return inputs


def sweep_layers(wildcards):
    """Strategy → layers at which it acts."""
    own = config["strategies"]
    first = {s: strategy_registry.first_layer(s, own, depth(wildcards)) for s in STRATEGIES}
    return {name: layers("sweep", wildcards, max(1, layer)) for name, layer in first.items()}


def schedule_settings(wildcards):
    """Each schedule with its layers resolved to this model's depth."""
    return {
        name: {
            "positions": config["schedules"][name]["positions"],
            "stages": configuration.stages_of(config, name, depth(wildcards)),
        }
        for name in SCHEDULES
    }


def matched():
    """Strategy → the random one that keeps as many tokens, of those that are swept."""
    copies = {s: strategy_registry.matched_by(s, config["strategies"]) for s in STRATEGIES}
    return {matched: name for name, matched in copies.items() if matched}


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
    for section in (
        "information",
        "removals",
        "states",
        "sweep",
        "schedule_run",
        "strategies",
        "horizon",
        "seed",
    ):
        settings[section] = config[section]
    return {**settings, **({"downsample": DOWNSAMPLED} if DOWNSAMPLED else {})}


def answered(wildcards):
    """Questions of one benchmark, and all answers of one model to them."""
    ran = {
        "answers": True,
        "downsample": DOWNSAMPLED,
        "sweep": STRATEGIES,
        "schedules": SCHEDULES,
    }
    return {
        "questions": f"{RESULTS}/benchmarks/{wildcards.benchmark}.arrow",
        **{
            stage: parts(stage, wildcards.model, wildcards.benchmark)
            for stage, some in ran.items()
            if some
        },
    }


def verified(wildcards):
    """All tables of one model on one benchmark."""
    return {
        **answered(wildcards),
        **{
            stage: parts(stage, wildcards.model, wildcards.benchmark)
            for stage in ("information", *(["removals"] if REMOVALS else []))
        },
        "images": f"{RESULTS}/benchmarks/{wildcards.benchmark}.images.arrow",
        "model": f"{RESULTS}/models/{wildcards.model}.json",
    }


def kept_sets(wildcards):
    """What decides whether files of kept sets fit a study."""
    files = {name: content([path]) for name, path in kept_files(wildcards).items()}
    return {
        "files": files,
        "protocol": protocol(wildcards),
        **{key: config[key] for key in ("sweep", "schedules", "schedule_run")},
    }


# The tables of a run, for what is made from all of them.
QUESTIONS = [f"{RESULTS}/benchmarks/{name}.arrow" for name in BENCHMARKS]
IMAGES = [f"{RESULTS}/benchmarks/{name}.images.arrow" for name in BENCHMARKS]
VISION, ANSWERS, INFORMATION, STATES = map(
    parts_of_run, ("vision", "answers", "information", "states")
)
SMALLER = parts_of_run("downsample", ran=DOWNSAMPLED)
REMOVED = parts_of_run("removals", ran=REMOVALS)
SWEPT = parts_of_run("sweep", ran=STRATEGIES)
SCHEDULED = parts_of_run("schedules", ran=SCHEDULES)


def tables_here(wildcards):
    """Benchmark tables that are already here, taken as they are: a plan makes none."""
    found = {"questions": [], "images": []}
    for benchmark in BENCHMARKS:
        questions = Path(RESULTS) / "benchmarks" / f"{benchmark}.arrow"
        images = questions.with_suffix(".images.arrow")
        if questions.is_file() and images.is_file():
            found["questions"].append(before_update(str(questions)))
            found["images"].append(before_update(str(images)))
    return found


def of_all(wildcards, stage):
    """A model's tables of one stage, all benchmarks of the run."""
    return [path for name in BENCHMARKS for path in parts(stage, wildcards.model, name)]


def of_model(wildcards, *stages):
    """A model's tables of these stages, and what they are about."""
    return {
        "questions": QUESTIONS,
        "model": f"{RESULTS}/models/{wildcards.model}.json",
        **{
            stage.rpartition("/")[2]: of_all(wildcards, stage)
            for stage in ("vision", "answers", *stages)
        },
    }


def searched(wildcards):
    """What the search reads; a study from which nothing can be recommended is refused here, before any job."""
    try:
        checks.check_recommend(config)
    except UserError as error:
        raise WorkflowError(str(error)) from None
    return of_model(wildcards, "sweep")


def tried(wildcards):
    """What a job reads that runs schedules: all candidates on one split, the chosen ones on the other."""
    chosen = {"search": "candidates", "held-out": "chosen"}[wildcards.split]
    return {
        **asked(wildcards),
        "candidates": f"{RESULTS}/recommend/{wildcards.model}/{chosen}.json",
    }


def recommended(wildcards):
    """Recommendations that are already there, taken as they are: the page makes none."""
    found = [Path(RESULTS) / "recommend" / model / "recommendation.arrow" for model in MODELS]
    return [before_update(str(path)) for path in found if path.is_file()]


def competitors(wildcards):
    """The schedules that compete with those of the search, with their layers on the wildcard's model."""
    return {
        name: {
            "positions": config["schedules"][name]["positions"],
            "stages": configuration.stages_of(config, name, depth(wildcards)),
        }
        for name in RECOMMEND["schedules"]
    }
