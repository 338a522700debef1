"""One page, figures of it, and tables over everything."""


rule report:
    input:
        metrics=expand(paths.metrics, method=PLAN.arms, mesh=PLAN.evaluated),
        oracles=expand(paths.metrics, method=PLAN.oracles, mesh=PLAN.judged),
        models=expand(paths.model_manifest, run=PLAN.runs),
        diagnostics=expand(paths.diagnostics, run=PLAN.runs),
        interpolations=expand(
            paths.interpolation_manifest,
            arm=PLAN.arms if PLAN.interpolated else [],
        ),
        hexplanes=expand(paths.hexplane_manifest, mesh=PLAN.meshes),
        rates=[
            path
            for method, heads in PLAN.rated.items()
            for path in expand(paths.rate, method=method, mesh=heads)
        ],
        classical=[
            path
            for source, heads in PLAN.reconstructed.items()
            for path in expand(paths.classical, method=source, mesh=heads)
        ],
        novelty=expand(paths.novelty, arm=PLAN.drawn),
    output:
        page=report(
            paths.page,
            caption="../report/page.rst",
            category="Report",
            labels={"content": "the whole page"},
        ),
        summary=report(
            paths.summary,
            caption="../report/summary.rst",
            category="Metrics",
            labels={"content": "all metrics, one row a mesh and arm"},
        ),
        runs=report(
            paths.runs,
            caption="../report/runs.rst",
            category="Metrics",
            labels={"content": "diagnostics, one row a training and group of heads"},
        ),
        rates=(
            report(
                paths.rates,
                caption="../report/rates.rst",
                category="Metrics",
                labels={"content": "arms and rivals over file sizes"},
            )
            if PLAN.rated
            else []
        ),
        snapshots=(
            report(
                paths.snapshots,
                caption="../report/snapshots.rst",
                category="Metrics",
                labels={"content": "what trainings decoded as they went"},
            )
            if PLAN.snapshots
            else []
        ),
        classical=(
            report(
                paths.classical_table,
                caption="../report/classical.rst",
                category="Metrics",
                labels={"content": "classical methods side by side"},
            )
            if PLAN.reconstructed
            else []
        ),
        scores=report(
            paths.figure.format(figure="scores.svg"),
            caption="../report/scores.rst",
            category="Figures",
            labels={"content": "each arm's F-score beside its oracle's"},
        ),
        training=report(
            paths.figure.format(figure="training.svg"),
            caption="../report/training.rst",
            category="Figures",
            labels={"content": "loss and KL while training"},
        ),
        heads=report(
            paths.figure.format(figure="heads.png"),
            caption="../report/heads.rst",
            category="Figures",
            labels={"content": "meshes of heads, oracles and arms"},
        ),
        manifest=paths.page_manifest,
    log:
        paths.log("report", "page"),
    benchmark:
        paths.benchmark("report", "page")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(8000),
        runtime=60,
    params:
        spec=spec_param(PLAN.report()),
        code=code_param("report"),
        results=lambda w, output: os.path.dirname(os.path.dirname(output.page)),
        settings=f"@{paths.report_settings}",
        tables=[
            *([f"--rates={paths.rates}"] if PLAN.rated else []),
            *([f"--classical={paths.classical_table}"] if PLAN.reconstructed else []),
            *([f"--snapshots={paths.snapshots}"] if PLAN.snapshots else []),
        ],
    message:
        "Writing the report"
    shell:
        "python -m hexplane report {params.results:q} {output.page:q} {output.summary:q} {output.runs:q}"
        " {params.tables:q} --spec {params.settings:q} --code {params.code:q} 2>&1 | tee {log:q}"
