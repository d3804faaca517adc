# The bundled mini models, made from nothing: snakemake train. No study needs it, they ship with the repository.
# REQUIRED INPUTS: rendered/{task}/ for the evaluation
# OUTPUTS: train/tower/, train/{model}/, train/{model}.metrics.json, curves; and the folders in resources/models/

import yaml

with open(Path(workflow.basedir) / "resources/training.yaml") as file:
    RECIPE = yaml.safe_load(file)
TRAINED = list(RECIPE["models"])
# Each rule gets what it trains by, so that another weak model leaves tower and strong model as they are.
TOWER_RECIPE = {key: RECIPE[key] for key in ("seed", "tower")}
MODEL_RECIPES = {
    name: TOWER_RECIPE | {"decoder": RECIPE["decoder"], "models": {name: RECIPE["models"][name]}}
    for name in TRAINED
}


rule train_tower:
    output:
        tower=directory(f"{RESULTS}/train/tower"),
        history=f"{RESULTS}/train/tower.csv",
    log:
        f"{RESULTS}/logs/train/tower.log",
    benchmark:
        f"{RESULTS}/timings/train/tower.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        recipe=TOWER_RECIPE,
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
        f"{RESULTS}/logs/train/{{model}}.log",
    benchmark:
        f"{RESULTS}/timings/train/{{model}}.tsv"
    wildcard_constraints:
        model=names(TRAINED),
    conda:
        "../../envs/cpu.yaml"
    # One thread each: the models are narrow, and the same sums in the same order give the same weights.
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        recipe=lambda wildcards: MODEL_RECIPES[wildcards.model],
        code=code("train_model"),
    message:
        "Training {wildcards.model}"
    script:
        "../scripts/train_model.py"


rule evaluate_model:
    input:
        **{task: f"{RESULTS}/rendered/{task}" for task in configuration.RENDERED},
        model=f"{RESULTS}/train/{{model}}",
        history=f"{RESULTS}/train/{{model}}.csv",
    output:
        metrics=f"{RESULTS}/train/{{model}}.metrics.json",
    log:
        f"{RESULTS}/logs/train/{{model}}.evaluation.log",
    benchmark:
        f"{RESULTS}/timings/train/{{model}}.evaluation.tsv"
    wildcard_constraints:
        model=names(TRAINED),
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        recipe=lambda wildcards: MODEL_RECIPES[wildcards.model],
        provenance=RECIPE.get("provenance", ""),
        # Written, but no output: a study that reads this folder must not want to train it first.
        folder=lambda wildcards: f"resources/models/{wildcards.model}",
        code=code("evaluate_model"),
    message:
        "Test splits and card of {wildcards.model}"
    script:
        "../scripts/evaluate_model.py"


rule train:
    input:
        expand(f"{RESULTS}/train/{{model}}.metrics.json", model=TRAINED),
