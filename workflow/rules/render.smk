# Benchmarks that this project draws itself: images, questions and answers, fixed by a seed.
# REQUIRED INPUTS: none
# OUTPUTS: rendered/{task}/, a data set folder with the split `test`


rule render_benchmark:
    output:
        directory(f"{RESULTS}/rendered/{{task}}"),
    log:
        f"{RESULTS}/logs/render_benchmark/{{task}}.log",
    benchmark:
        f"{RESULTS}/timings/render_benchmark/{{task}}.tsv"
    wildcard_constraints:
        task=names(configuration.RENDERED),
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=code("render_benchmark"),
    message:
        "Drawing the benchmark {wildcards.task}"
    script:
        "../scripts/render_benchmark.py"
