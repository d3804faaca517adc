# What a study will cost before it runs: snakemake plan --configfile studies/paper.yaml
# To keep it: snakemake plan --configfile studies/paper.yaml > plan.txt
# REQUIRED INPUTS: none (benchmark tables and models that are already here make the estimate better)
# OUTPUTS: none; it is printed


localrules:
    plan,


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


rule plan:
    input:
        unpack(tables_here),
    log:
        f"{RESULTS}/logs/plan.log",
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        configuration=config,
    message:
        "Estimating {RESULTS}"
    script:
        "../scripts/plan.py"
