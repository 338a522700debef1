"""Source meshes, or generated heads, to the canonical frame."""

if PLAN.sources:

    rule check:
        input:
            list(PLAN.sources.values()),
        output:
            paths.CHECKED,
        params:
            code=code_param("check"),
        log:
            "results/logs/check/all.log",
        benchmark:
            "results/benchmarks/check/all.tsv"
        conda:
            GEOMETRY
        message:
            "Checking all meshes"
        shell:
            "python -m hexplane check {input:q} --output {output:q} 2>&1 | tee {log:q}"

else:

    rule generate:
        output:
            mesh=paths.HEAD,
            manifest="results/heads/{mesh}.json",
        params:
            spec=lambda w: spec_param(PLAN.generate(w.mesh)),
            code=code_param("generate"),
        log:
            "results/logs/generate/{mesh}.log",
        benchmark:
            "results/benchmarks/generate/{mesh}.tsv"
        conda:
            LEARNING
        message:
            "Generating {wildcards.mesh}"
        shell:
            "python -m hexplane generate {output.mesh:q}"
            " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


def source_of(wildcards):
    return PLAN.sources.get(wildcards.mesh, paths.HEAD)


rule normalise:
    input:
        source=source_of,
        # A new mesh is checked with all others, but makes none of them again.
        checked=ancient(paths.CHECKED) if PLAN.sources else [],
    output:
        mesh=paths.MESH,
        manifest=paths.MESH_MANIFEST,
    params:
        spec=spec_param(PLAN.normalise()),
        code=code_param("normalise"),
    log:
        "results/logs/normalise/{mesh}.log",
    benchmark:
        "results/benchmarks/normalise/{mesh}.tsv"
    conda:
        GEOMETRY
    message:
        "Normalising {wildcards.mesh}"
    shell:
        "python -m hexplane normalise {input.source:q} {output.mesh:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
