"""Meshes from latents, meshes from the ground truth, and how good they are."""


rule extract:
    input:
        model=FIRST_MODEL,
        latent_manifest=paths.LATENT_MANIFEST,
        latent=ancient(paths.LATENT),
    output:
        mesh="results/reconstructions/{experiment}/{mesh}.ply",
        decoded=directory(paths.DECODED),
        manifest="results/reconstructions/{experiment}/{mesh}.json",
    log:
        "results/logs/extract/{experiment}/{mesh}.log",
    benchmark:
        "results/benchmarks/extract/{experiment}/{mesh}.tsv"
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        spec=lambda w: spec_param(PLAN.extract(w.experiment)),
        code=code_param("extract"),
        folder=lambda w, input: os.path.dirname(input.model),
    message:
        "Extracting {wildcards.mesh} of {wildcards.experiment}"
    shell:
        "python -m hexplane extract {input.latent:q} {output.mesh:q}"
        " --model {params.folder:q} --canonical --decoded {output.decoded:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule interpolate:
    input:
        model=FIRST_MODEL,
        latent_manifests=of(paths.LATENT_MANIFEST, PLAN.interpolated),
        latents=ancient(of(paths.LATENT, PLAN.interpolated)),
    output:
        [paths.INTERPOLATION.replace("{step}", str(step)) for step in range(STEPS)],
        manifest=paths.INTERPOLATION_MANIFEST,
    log:
        "results/logs/interpolate/{experiment}.log",
    benchmark:
        "results/benchmarks/interpolate/{experiment}.tsv"
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        spec=lambda w: spec_param(PLAN.interpolate(w.experiment)),
        code=code_param("interpolate"),
        folder=lambda w, output: os.path.dirname(output.manifest),
        model=lambda w, input: os.path.dirname(input.model),
    message:
        "Interpolating {wildcards.experiment}"
    shell:
        "python -m hexplane interpolate {input.latents:q} {params.folder:q}"
        " --model {params.model:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule oracle:
    input:
        hexplane_manifest=paths.HEXPLANE_MANIFEST,
        hexplane=ancient(paths.HEXPLANE),
        mesh=paths.MESH,
    output:
        mesh="results/reconstructions/{oracle}/{mesh}.ply",
        manifest="results/reconstructions/{oracle}/{mesh}.json",
    log:
        "results/logs/oracle/{oracle}/{mesh}.log",
    benchmark:
        "results/benchmarks/oracle/{oracle}/{mesh}.tsv"
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        spec=lambda w: spec_param(PLAN.extract_oracle(w.oracle)),
        code=code_param("oracle"),
    message:
        "Extracting {wildcards.mesh} of {wildcards.oracle}"
    shell:
        "python -m hexplane oracle {input.hexplane:q} {input.mesh:q} {output.mesh:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule evaluate:
    input:
        reconstruction=paths.RECONSTRUCTION,
        mesh=paths.MESH,
        latent=latent_of,
    output:
        paths.METRICS,
    log:
        "results/logs/evaluate/{arm}/{mesh}.log",
    benchmark:
        "results/benchmarks/evaluate/{arm}/{mesh}.tsv"
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=800,
        runtime=5,
    params:
        spec=spec_param(PLAN.evaluate()),
        code=code_param("evaluate"),
        latent=latent_option,
    message:
        "Measuring {wildcards.mesh} of {wildcards.arm}"
    shell:
        "python -m hexplane evaluate {input.reconstruction:q} {input.mesh:q} {output:q}"
        " {params.latent:q} --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
