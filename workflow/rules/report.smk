"""One page, figures of it, and tables over everything."""


rule report:
    input:
        metrics=expand(paths.METRICS, arm=PLAN.experiments, mesh=PLAN.evaluated),
        oracles=expand(paths.METRICS, arm=PLAN.oracles, mesh=PLAN.judged),
        models=expand(paths.MODEL_MANIFEST, run=PLAN.runs),
        diagnostics=expand(paths.DIAGNOSTICS, run=PLAN.runs),
        interpolations=expand(
            paths.INTERPOLATION_MANIFEST,
            experiment=PLAN.experiments if PLAN.interpolated else [],
        ),
        hexplanes=expand(paths.HEXPLANE_MANIFEST, mesh=PLAN.meshes),
    output:
        page=report(
            paths.PAGE,
            caption="../report/page.rst",
            category="Report",
            labels={"content": "the whole page"},
        ),
        summary=report(
            paths.SUMMARY,
            caption="../report/summary.rst",
            category="Metrics",
            labels={"content": "all metrics, one row a mesh and arm"},
        ),
        runs=report(
            paths.RUNS,
            caption="../report/runs.rst",
            category="Metrics",
            labels={"content": "diagnostics, one row a training and group of heads"},
        ),
        scores=report(
            paths.FIGURE.format(figure="scores.svg"),
            caption="../report/scores.rst",
            category="Figures",
            labels={"content": "each arm's F-score beside its oracle's"},
        ),
        training=report(
            paths.FIGURE.format(figure="training.svg"),
            caption="../report/training.rst",
            category="Figures",
            labels={"content": "loss and KL while training"},
        ),
        heads=report(
            paths.FIGURE.format(figure="heads.png"),
            caption="../report/heads.rst",
            category="Figures",
            labels={"content": "meshes of heads, oracles and arms"},
        ),
        manifest=paths.PAGE_MANIFEST,
    log:
        "results/logs/report/page.log",
    benchmark:
        "results/benchmarks/report/page.tsv"
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        spec=spec_param(PLAN.report()),
        code=code_param("report"),
        results=lambda w, output: os.path.dirname(os.path.dirname(output.page)),
    message:
        "Writing the report"
    shell:
        "python -m hexplane report {params.results:q} {output.page:q} {output.summary:q} {output.runs:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
