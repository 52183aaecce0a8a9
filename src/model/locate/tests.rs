//! Sources that need no network, and the environment.

use std::collections::HashMap;

use super::*;

fn locator(folder: &Path) -> Locator {
    Locator {
        endpoint: "http://127.0.0.1:1".to_owned(),
        hub_cache: folder.join("hub"),
        token: None,
        offline: true,
        cache: folder.join("cache"),
        python: folder.join("no-python"),
        home: folder.join("home"),
    }
}

fn fails(locator: &Locator, source: &str) -> String {
    let error = locator.locate(source, &mut |_| true).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let locator = locator(folder.path());
    let home = folder.path().join("home");
    let whole = |path: &Path| path.canonicalize().unwrap();
    std::fs::create_dir_all(home.join("one")).unwrap();
    std::fs::write(home.join("one/Some-Model.Q4_K_M.gguf"), "").unwrap();
    let found = locator.locate("~/one/Some-Model.Q4_K_M.gguf", &mut |_| true).unwrap();
    let file = whole(&home.join("one/Some-Model.Q4_K_M.gguf"));
    assert_eq!((found.name.as_str(), &found.files), ("Some-Model Q4_K_M", &ModelFiles::Gguf(file.clone())));
    assert_eq!(found.origin, format!("file {}", file.display()));
    let found = locator.locate("~/one", &mut |_| true).unwrap();
    assert_eq!(found.files, ModelFiles::Gguf(file));

    std::fs::write(home.join("one/Other-f16.GGUF"), "").unwrap();
    assert!(fails(&locator, "~/one").ends_with("give one of them: Other-f16.GGUF, Some-Model.Q4_K_M.gguf"));
    std::fs::create_dir_all(home.join("two")).unwrap();
    assert!(fails(&locator, "~/two").contains("neither model.safetensors nor pytorch_model.bin nor a .gguf file"));
    std::fs::write(home.join("two/model.safetensors"), "").unwrap();
    assert!(fails(&locator, "~/two").contains("no config.json"));
    assert!(fails(&locator, "~/two/model.safetensors").contains("give a .gguf file, or the folder"));
    std::fs::write(home.join("two/config.json"), "").unwrap();
    let found = locator.locate(home.join("two").to_str().unwrap(), &mut |_| true).unwrap();
    assert_eq!((found.name.as_str(), found.files), ("two", ModelFiles::Folder(whole(&home.join("two")))));
}

#[test]
fn what_looks_like_a_path_is_not_asked_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let locator = locator(folder.path());
    for source in ["./a/b", "../a", "/a/b", "~/a/b", "~", "a.gguf", "a/b.gguf", "a/b/c.gguf"] {
        assert!(fails(&locator, source).starts_with("no such file or folder: "), "{source}");
    }
    assert_eq!(fails(&locator, "~/a"), format!("no such file or folder: {}", folder.path().join("home/a").display()));
    for source in ["", "a", "a b", "pip:", "pip:a", "pip:-r==1", "pip:a==1 --pre", "a/b/c", "a\u{1b}[31m"] {
        let error = fails(&locator, source);
        assert!(error.contains("is no model: neither") && !error.contains('\u{1b}'), "{source}: {error}");
    }
    for source in ["http://localhost:8000/v1", "https://example.org/v1"] {
        assert!(fails(&locator, source).starts_with("an endpoint has no files here"));
    }
}

#[test]
fn the_default_model_says_all_three_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let error = fails(&locator(folder.path()), DEFAULT_MODEL);
    let expected = ["it is not in ", "HF_HUB_OFFLINE", "no-python` to run pip with"];
    assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    assert!(fails(&locator(folder.path()), "a/b").contains("a/b is not in the cache"));
}

#[test]
fn the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (home, cache) = (folder.path().join("home"), folder.path().join("cache"));
    std::fs::create_dir_all(cache.join("huggingface")).unwrap();
    std::fs::write(cache.join("huggingface/token"), "from-file\n").unwrap();
    let from = |pairs: &[(&str, &str)]| {
        let pairs: HashMap<&str, &str> = pairs.iter().copied().collect();
        Locator::from_variables(&|name| pairs.get(name).map(OsString::from), &home, &cache)
    };
    let plain = from(&[]);
    assert_eq!(plain.hub_cache, cache.join("huggingface/hub"));
    assert_eq!(plain.cache, cache.join("shotglass"));
    assert_eq!((plain.token.as_deref(), plain.offline), (Some("from-file"), false));
    assert!(!format!("{plain:?}").contains("from-file"));
    let set = from(&[
        ("HF_HOME", "~/hf"),
        ("HF_TOKEN", " secret "),
        ("HF_ENDPOINT", "http://mirror.example/"),
        ("TRANSFORMERS_OFFLINE", "TRUE"),
    ]);
    assert_eq!(set.hub_cache, home.join("hf/hub"));
    assert_eq!((set.token.as_deref(), set.endpoint.as_str()), (Some("secret"), "http://mirror.example"));
    assert!(set.offline && !from(&[("HF_HUB_OFFLINE", "0")]).offline);
    assert_eq!(from(&[("HF_HUB_CACHE", "/x")]).hub_cache, Path::new("/x"));
}

#[test]
fn short_names() {
    for (file, expected) in [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct Q4_1"),
        ("qwen2.5-1.5b-instruct-q8_0.gguf", "qwen2.5-1.5b-instruct q8_0"),
        ("model-BF16.gguf", "model BF16"),
        ("Model-1.5B.gguf", "Model-1.5B"),
        ("model.gguf", "model"),
    ] {
        assert_eq!(short_name(Path::new(file)), expected);
    }
}
