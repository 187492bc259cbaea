//! The applications under `examples/`, run for real.
#![allow(clippy::unwrap_used)] // tests may panic

mod support;

use metacloud_sandbox::result::{Expect, collect};
use support::{Bench, content, example};

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn hello_reads_its_input_and_leaves_a_result() {
    let bench = Bench::new();
    let mut job = bench.job(example("hello"), "hello");
    job.args = strings(&["big", "world"]);
    job.inputs = vec![bench.input("greeting", b"from a file\n")];
    job.env = vec![("IEXEC_INPUT_FILE_NAME_1".into(), "greeting".into())];
    let outcome = bench.run(&job).unwrap();
    assert_eq!(outcome.exit_code, 0);
    assert_eq!(outcome.cause(), None);
    assert_eq!(outcome.stdout, b"wrote result.txt with 12 bytes of input\n");
    assert!(outcome.fuel_used > 0);
    let files = content(&job.out_dir);
    let names: Vec<_> = files.keys().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(names, ["computed.json", "result.txt", "stdout.txt"]);
    assert_eq!(
        files[std::path::Path::new("result.txt")].as_deref(),
        Some(&b"hello big world\nfrom a file\n"[..])
    );
    let collected = collect(&job.out_dir, Expect::Output).unwrap();
    // sha256 of the text above, computed by another program.
    assert_eq!(
        collected.digest.to_string(),
        "0xbd7c72cfce0fd8ed8ec9e92eee9b183543153b21bf140dc167a775e22d2dab5c"
    );
}

const SCENE: &str = "image 24 18\nsamples 2\ndepth 4\ncamera 0 1 4  0 0.5 0  40  0.05 4\n\
    sky 0.5 0.6 0.7  0.1 0.2 0.4\nsun 1 1 1  8 8 8  5\n\
    material red coated 0.8 0.1 0.1\nmaterial clear glass 1 1 1 1.5\nmaterial lamp light 4 4 4\n\
    material steel metal 0.9 0.9 0.9 0.1\nmaterial floor checker 0.2 0.2 0.2 0.8 0.8 0.8 0.5\n\
    plane 0 0 0  0 1 0  floor\nsphere 0 0.5 0  0.5  clear\nsphere 1 0.3 0.4  0.3  red\n\
    sphere -1 0.3 0.4  0.3  steel\nbox -0.2 0 -1.4  0.4 0.6 -1  red\nsphere 0 2 0  0.3  lamp\n";

/// Width, height and pixels of a binary PPM.
fn ppm(bytes: &[u8]) -> (usize, usize, &[u8]) {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    assert_eq!(lines.next(), Some(&b"P6"[..]));
    let size = std::str::from_utf8(lines.next().unwrap()).unwrap();
    let (width, height) = size.split_once(' ').unwrap();
    assert_eq!(lines.next(), Some(&b"255"[..]));
    let (width, height) = (width.parse().unwrap(), height.parse().unwrap());
    let pixels = lines.next().unwrap();
    assert_eq!(pixels.len(), width * height * 3);
    (width, height, pixels)
}

fn render(bench: &Bench, tiles: &str, index: usize) -> Vec<u8> {
    let mut job = bench.job(example("pathtracer"), &format!("{tiles}-{index}"));
    job.args = strings(&["--tiles", tiles]);
    job.inputs = vec![bench.input("scene", SCENE.as_bytes())];
    job.env = vec![
        ("IEXEC_INPUT_FILE_NAME_1".into(), "scene".into()),
        ("IEXEC_TASK_INDEX".into(), index.to_string()),
    ];
    // Every tile has another task id; pixels must not depend on it.
    job.seed = [u8::try_from(index).unwrap(); 32];
    let outcome = bench.run(&job).unwrap();
    assert_eq!(outcome.exit_code, 0, "{}", String::from_utf8_lossy(&outcome.stderr));
    collect(&job.out_dir, Expect::Output).unwrap();
    std::fs::read(job.out_dir.join("tile.ppm")).unwrap()
}

#[test]
fn tiles_put_together_equal_the_direct_render() {
    let bench = Bench::new();
    let direct = render(&bench, "1,1", 0);
    let (width, height, expected) = ppm(&direct);
    let (columns, rows) = (5, 4);
    let mut merged = vec![0; width * height * 3];
    for index in 0..columns * rows {
        let (x0, y0) = (width * (index % columns) / columns, height * (index / columns) / rows);
        let tile = render(&bench, "5,4", index);
        let (tile_width, _, pixels) = ppm(&tile);
        for (row, line) in pixels.chunks(tile_width * 3).enumerate() {
            let at = ((y0 + row) * width + x0) * 3;
            merged[at..at + line.len()].copy_from_slice(line);
        }
    }
    assert!(merged == expected, "the tiles differ from the direct render");
    let shades: std::collections::BTreeSet<_> = expected.chunks(3).collect();
    assert!(shades.len() > 100, "the picture shows something");
}

#[test]
fn mistakes_in_a_scene_are_named_with_their_line() {
    let bench = Bench::new();
    let cases = [
        ("image 24", "scene:1: image: height is missing"),
        ("image 24 18\nimage 24 18", "scene:2: image is given twice"),
        ("\n# fine\nlens 3", "scene:3: unknown keyword: lens"),
        ("image 24 18 3", "scene:1: image: nothing may follow, but found: 3"),
        ("samples nan", "scene:1: samples: count is not a number: nan"),
        ("samples 1e9", "scene:1: samples: count is out of range: 1e9"),
        ("samples 1.5", "scene:1: samples: count must be a whole number"),
        ("sphere 0 0 0 1 red", "scene:1: sphere: no material is called red"),
        ("image 24 18", "scene:1: the scene has no camera line"),
    ];
    for (index, (scene, message)) in cases.into_iter().enumerate() {
        let mut job = bench.job(example("pathtracer"), &format!("bad-{index}"));
        job.inputs = vec![bench.input("scene", scene.as_bytes())];
        job.env = vec![("IEXEC_INPUT_FILE_NAME_1".into(), "scene".into())];
        let outcome = bench.run(&job).unwrap();
        assert_eq!(outcome.exit_code, 2, "{scene}");
        assert_eq!(outcome.cause(), Some("APP_COMPUTE_FAILED"));
        assert_eq!(String::from_utf8(outcome.stderr).unwrap().trim_end(), message);
        assert!(!job.out_dir.join("stderr.txt").exists(), "streams are kept after success only");
    }
}

#[test]
fn wrong_arguments_of_the_path_tracer_are_named() {
    let bench = Bench::new();
    let cases: [(&[&str], &str, &str); 4] = [
        (&["--tiles", "4"], "0", "--tiles takes COLS,ROWS, not \"4\""),
        (&["--tiles", "4,4"], "16", "IEXEC_TASK_INDEX must be a whole number from 0 to 15, not \"16\""),
        (&["--lens", "4"], "0", "unknown argument \"--lens\""),
        (&["--tiles"], "0", "\"--tiles\" needs a value"),
    ];
    for (index, (args, task, message)) in cases.into_iter().enumerate() {
        let mut job = bench.job(example("pathtracer"), &format!("args-{index}"));
        job.args = strings(args);
        job.env = vec![("IEXEC_TASK_INDEX".into(), task.into())];
        let outcome = bench.run(&job).unwrap();
        assert_eq!(outcome.exit_code, 2);
        let stderr = String::from_utf8(outcome.stderr).unwrap();
        assert!(stderr.contains(message), "{stderr}");
    }
}
