"""Meshes from latents, meshes from the ground truth, and how good they are."""


rule extract:
    input:
        model=paths.first_model_manifest,
        latent_manifest=paths.latent_manifest,
        latent=ancient(paths.latent),
    output:
        mesh=paths.reconstruction.replace("{method}", "{arm}"),
        decoded=directory(paths.decoded),
        manifest=paths.reconstruction_manifest.replace("{method}", "{arm}"),
    log:
        paths.log("extract", "{arm}/{mesh}"),
    benchmark:
        paths.client_benchmark("extract", "{arm}/{mesh}")
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=2,
    params:
        spec=lambda w: spec_param(PLAN.extract(w.arm)),
        code=lambda w: code_param("extract", PLAN.modules(w.arm)),
        folder=lambda w, input: os.path.dirname(input.model),
    message:
        "Extracting {wildcards.mesh} of {wildcards.arm}"
    shell:
        "python -m hexplane extract {input.latent:q} {output.mesh:q}"
        " --model {params.folder:q} --canonical --decoded {output.decoded:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule interpolate:
    input:
        model=paths.first_model_manifest,
        latent_manifests=of(paths.latent_manifest, PLAN.interpolated),
        latents=ancient(of(paths.latent, PLAN.interpolated)),
    output:
        [paths.interpolation.replace("{step}", str(step)) for step in range(STEPS)],
        manifest=paths.interpolation_manifest,
    log:
        paths.log("interpolate", "{arm}"),
    benchmark:
        paths.client_benchmark("interpolate", "{arm}")
    conda:
        LEARNING
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=10,
    params:
        spec=lambda w: spec_param(PLAN.interpolate(w.arm)),
        code=lambda w: code_param("interpolate", PLAN.modules(w.arm)),
        folder=lambda w, output: os.path.dirname(output.manifest),
        model=lambda w, input: os.path.dirname(input.model),
    message:
        "Interpolating {wildcards.arm}"
    shell:
        "python -m hexplane interpolate {input.latents:q} {params.folder:q}"
        " --model {params.model:q}"
        " --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"


rule oracle:
    input:
        hexplane_manifest=paths.hexplane_manifest,
        hexplane=ancient(paths.hexplane),
        mesh=paths.mesh,
    output:
        mesh=paths.reconstruction.replace("{method}", "{oracle}"),
        manifest=paths.reconstruction_manifest.replace("{method}", "{oracle}"),
    log:
        paths.log("oracle", "{oracle}/{mesh}"),
    benchmark:
        paths.client_benchmark("oracle", "{oracle}/{mesh}")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(1),
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
        reconstruction=paths.reconstruction,
        mesh=paths.mesh,
        facts=paths.mesh_manifest,
        latent=latent_of,
    output:
        paths.metrics,
    log:
        paths.log("evaluate", "{method}/{mesh}"),
    benchmark:
        paths.client_benchmark("evaluate", "{method}/{mesh}")
    conda:
        GEOMETRY
    threads: 1
    resources:
        mem_mb=memory(1500),
        runtime=minutes(1),
    params:
        spec=spec_param(PLAN.evaluate()),
        code=code_param("evaluate"),
        latent=latent_option,
    message:
        "Measuring {wildcards.mesh} of {wildcards.method}"
    shell:
        "python -m hexplane evaluate {input.reconstruction:q} {input.mesh:q} {output:q}"
        " {params.latent:q} --spec {params.spec:q} --code {params.code:q} 2>&1 | tee {log:q}"
