//! Walks over a decoder's stored tensors, by their Hugging Face names; low-rank factors are `MODULE.lora.a` and `.b`.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::decoder::Decoder;

impl Decoder {
    /// Calls `visit(name, shape, values)` for every stored tensor; the values are flat and carry no gradient.
    pub fn for_each_parameter(&self, visit: &mut dyn FnMut(&str, &[usize], Tensor<1>)) {
        self.visit(&mut Visit { path: Path::default(), visit });
    }

    /// Replaces every stored tensor's flat values by what `update(name, values)` returns.
    pub fn map_parameters(self, update: &mut dyn FnMut(&str, Tensor<1>) -> Tensor<1>) -> Self {
        self.map(&mut Update { path: Path::default(), update })
    }
}

#[cfg(feature = "autodiff")]
impl Decoder {
    /// The same model with a gradient graph on every parameter.
    pub fn trainable(self) -> Self {
        self.train()
    }

    /// The same model with a gradient graph, in which only the parameters that `trained` names ask for a gradient.
    pub fn trainable_where(self, trained: &mut dyn FnMut(&str) -> bool) -> Self {
        self.map(&mut Track { path: Path::default(), trained })
    }

    /// The same values, trained alike, with a gradient graph of their own.
    pub fn with_own_graph(&self) -> Self {
        self.clone().map(&mut Fresh)
    }

    /// The same model without gradients.
    pub fn untracked(self) -> Self {
        self.valid()
    }

    /// Takes every parameter's flat gradient out of `gradients`: `(name, gradient)` in the parameters' order.
    /// A parameter that the loss does not depend on has none.
    pub fn take_gradients(&self, gradients: &mut burn::tensor::Gradients) -> Vec<(String, Tensor<1>)> {
        take(self, Vec::new(), gradients)
    }
}

/// A module's gradients, named from where it stands in the decoder.
#[cfg(feature = "autodiff")]
pub(crate) fn take(
    module: &impl Module,
    prefix: Vec<String>,
    gradients: &mut burn::tensor::Gradients,
) -> Vec<(String, Tensor<1>)> {
    let mut visitor = Take { path: Path(prefix), gradients, taken: Vec::new() };
    module.visit(&mut visitor);
    visitor.taken
}

/// Where in the module tree a visitor is.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn name(&self) -> String {
        self.0.join(".")
    }
}

/// What visitors and mappers do to know where they are.
macro_rules! keeps_path {
    () => {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.0.push(name.to_owned());
        }

        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.0.pop();
        }
    };
}

struct Visit<'a> {
    path: Path,
    visit: &'a mut dyn FnMut(&str, &[usize], Tensor<1>),
}

impl ModuleVisitor for Visit<'_> {
    keeps_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().without_autodiff();
        (self.visit)(&self.path.name(), &value.dims(), value.clone().flatten(0, D - 1));
    }
}

struct Update<'a> {
    path: Path,
    update: &'a mut dyn FnMut(&str, Tensor<1>) -> Tensor<1>,
}

impl ModuleMapper for Update<'_> {
    keeps_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let (shape, tracked, trained) = (value.dims(), value.is_autodiff(), value.is_require_grad());
        let flat = value.without_autodiff().flatten(0, D - 1);
        let new = (self.update)(&self.path.name(), flat).reshape(shape);
        let new = if tracked { new.autodiff().set_require_grad(trained) } else { new };
        Param::from_mapped_value(id, new, mapper)
    }
}

#[cfg(feature = "autodiff")]
struct Track<'a> {
    path: Path,
    trained: &'a mut dyn FnMut(&str) -> bool,
}

#[cfg(feature = "autodiff")]
impl ModuleMapper for Track<'_> {
    keeps_path!();

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let trained = (self.trained)(&self.path.name());
        let new = value.without_autodiff().autodiff().set_require_grad(trained);
        Param::from_mapped_value(id, new, mapper)
    }
}

#[cfg(feature = "autodiff")]
struct Fresh;

#[cfg(feature = "autodiff")]
impl ModuleMapper for Fresh {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let trained = value.is_require_grad();
        let fresh = value.without_autodiff().autodiff().set_require_grad(trained);
        Param::from_mapped_value(id, fresh, mapper)
    }
}

#[cfg(feature = "autodiff")]
struct Take<'a> {
    path: Path,
    gradients: &'a mut burn::tensor::Gradients,
    taken: Vec<(String, Tensor<1>)>,
}

#[cfg(feature = "autodiff")]
impl ModuleVisitor for Take<'_> {
    keeps_path!();

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(self.gradients) {
            self.taken.push((self.path.name(), gradient.flatten(0, D - 1)));
        }
    }
}
