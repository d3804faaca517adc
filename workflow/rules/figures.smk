# Figures: one job each, over all models and benchmarks, since importing matplotlib costs more than drawing.
# REQUIRED INPUTS: benchmarks/…, answers/…, information/…, sweep/…, schedules/…, vision/… (grid sizes), horizon.arrow
# OUTPUTS: figures/{information,sweep,horizon,schedules,heatmaps}.svg and .png


STUDY = {
    "vision": of_run("vision"),
    "answers": of_run("answers"),
    "information": of_run("information"),
    "sweep": of_run("sweep", [{"strategies": name} for name in SWEEPS]),
    "schedules": of_run("schedules", [{"schedule": name} for name in SCHEDULES]),
}
QUESTIONS = {name: f"{RESULTS}/benchmarks/{name}.arrow" for name in BENCHMARKS}
IMAGES = {name: f"{RESULTS}/benchmarks/{name}.images.arrow" for name in BENCHMARKS}
NAMES = {"models": MODELS, "benchmarks": BENCHMARKS}


rule draw_information:
    input:
        flat(STUDY["information"]),
        QUESTIONS.values(),
        horizon=f"{RESULTS}/horizon.arrow",
    output:
        svg=report(
            f"{RESULTS}/figures/information.svg",
            category="Figures",
            caption="../report/information.rst",
        ),
        png=f"{RESULTS}/figures/information.png",
    log:
        f"{RESULTS}/logs/draw_information.log",
    benchmark:
        f"{RESULTS}/timings/draw_information.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        **NAMES,
        questions=QUESTIONS,
        information=STUDY["information"],
        code=code("draw_information"),
    message:
        "Figure: token information by layer"
    script:
        "../scripts/draw_information.py"


rule draw_sweep:
    input:
        flat(STUDY["sweep"]),
        flat(STUDY["answers"]),
        QUESTIONS.values(),
        horizon=f"{RESULTS}/horizon.arrow",
    output:
        svg=report(
            f"{RESULTS}/figures/sweep.svg",
            category="Figures",
            caption="../report/sweep.rst",
        ),
        png=f"{RESULTS}/figures/sweep.png",
    log:
        f"{RESULTS}/logs/draw_sweep.log",
    benchmark:
        f"{RESULTS}/timings/draw_sweep.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        **NAMES,
        questions=QUESTIONS,
        sweep=STUDY["sweep"],
        answers=STUDY["answers"],
        code=code("draw_sweep"),
    message:
        "Figure: score by layer for every strategy"
    script:
        "../scripts/draw_sweep.py"


rule draw_horizons:
    input:
        horizon=f"{RESULTS}/horizon.arrow",
    output:
        svg=report(
            f"{RESULTS}/figures/horizon.svg",
            category="Figures",
            caption="../report/horizon.rst",
        ),
        png=f"{RESULTS}/figures/horizon.png",
    log:
        f"{RESULTS}/logs/draw_horizons.log",
    benchmark:
        f"{RESULTS}/timings/draw_horizons.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        **NAMES,
        code=code("draw_horizons"),
    message:
        "Figure: horizons by benchmark and model"
    script:
        "../scripts/draw_horizons.py"


rule draw_schedules:
    input:
        flat(STUDY["schedules"]),
        flat(STUDY["answers"]),
        QUESTIONS.values(),
    output:
        svg=report(
            f"{RESULTS}/figures/schedules.svg",
            category="Figures",
            caption="../report/schedules.rst",
        ),
        png=f"{RESULTS}/figures/schedules.png",
    log:
        f"{RESULTS}/logs/draw_schedules.log",
    benchmark:
        f"{RESULTS}/timings/draw_schedules.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        **NAMES,
        questions=QUESTIONS,
        schedules=STUDY["schedules"],
        answers=STUDY["answers"],
        code=code("draw_schedules"),
    message:
        "Figure: score against mean visual tokens"
    script:
        "../scripts/draw_schedules.py"


rule draw_heatmaps:
    input:
        flat(STUDY["information"]),
        flat(STUDY["vision"]),
        QUESTIONS.values(),
        IMAGES.values(),
    output:
        svg=report(
            f"{RESULTS}/figures/heatmaps.svg",
            category="Figures",
            caption="../report/heatmaps.rst",
        ),
        png=f"{RESULTS}/figures/heatmaps.png",
    log:
        f"{RESULTS}/logs/draw_heatmaps.log",
    benchmark:
        f"{RESULTS}/timings/draw_heatmaps.tsv"
    conda:
        CPU_ENV
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        **NAMES,
        questions=QUESTIONS,
        images=IMAGES,
        information=STUDY["information"],
        vision=STUDY["vision"],
        window=config["information"]["window"],
        code=code("draw_heatmaps"),
    message:
        "Figure: heat maps of token information"
    script:
        "../scripts/draw_heatmaps.py"
